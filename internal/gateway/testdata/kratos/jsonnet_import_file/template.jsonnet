local l = import "lib.libsonnet"; function(ctx) { a: l.a }
