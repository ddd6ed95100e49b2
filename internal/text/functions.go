package text

import (
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// functions are those of sprig that Kratos's templates have, without those that read
// the machine, the clock or chance, and those that make much out of little.
func functions() template.FuncMap {
	all := sprig.HermeticTxtFuncMap()
	for _, name := range []string{
		"repeat", "until", "untilStep", "seq", "indent", "nindent", "wrap", "wrapWith", "bcrypt", "htpasswd", "derivePassword",
		"encryptAES", "decryptAES", "buildCustomCert", "genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert",
		"genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
	} {
		delete(all, name)
	}
	return all
}
