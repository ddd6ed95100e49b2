function(ctx) { z: "1", a: "x y+z&=%/?#~*-._!()'", "K y": "ü☎", "": "emptykey", m: "" }
