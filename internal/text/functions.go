package text

import (
	"errors"
	"fmt"
	"reflect"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

const (
	// maxValue bounds what a function is given and gives: its text, and itemSize for each
	// item of a list, up to maxDepth lists within each other.
	maxValue = 4 * maxText
	itemSize = 16
	maxDepth = 32
)

var errTooLarge = errors.New("a function of the template is given or gives more than 16 KiB")

// functions are those of sprig that Kratos's templates have, without those that read
// the machine, the clock or chance, and those that make much out of little. The others
// are bounded, as the steps of a template are: each may double a text or a list.
func functions() template.FuncMap {
	all := sprig.HermeticTxtFuncMap()
	for _, name := range []string{
		"repeat", "until", "untilStep", "seq", "indent", "nindent", "wrap", "wrapWith", "bcrypt", "htpasswd", "derivePassword",
		"encryptAES", "decryptAES", "buildCustomCert", "genPrivateKey", "genCA", "genCAWithKey", "genSelfSignedCert",
		"genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
	} {
		delete(all, name)
	}
	all["print"], all["printf"], all["println"] = fmt.Sprint, fmt.Sprintf, fmt.Sprintln
	all["html"], all["js"], all["urlquery"] = template.HTMLEscaper, template.JSEscaper, template.URLQueryEscaper
	for name, one := range all {
		all[name] = bounded(reflect.ValueOf(one))
	}
	return all
}

// bounded is a function that fails where what it is given or gives is too large.
func bounded(function reflect.Value) any {
	kind := function.Type()
	call := function.Call
	if kind.IsVariadic() {
		call = function.CallSlice
	}
	return reflect.MakeFunc(kind, func(arguments []reflect.Value) []reflect.Value {
		within(arguments)
		results := call(arguments)
		within(results)
		return results
	}).Interface()
}

// within panics when values are too large, which a template reports as an error.
func within(values []reflect.Value) {
	left := maxValue
	for _, value := range values {
		if left = measure(value, left, maxDepth); left < 0 {
			panic(errTooLarge)
		}
	}
}

// measure returns what is left of a size when a value is taken off it, below 0 for too little.
func measure(value reflect.Value, left, depth int) int {
	if depth == 0 {
		return -1
	}
	switch value.Kind() { //nolint:exhaustive // the others are small
	case reflect.String:
		return left - value.Len()
	case reflect.Interface, reflect.Pointer:
		if !value.IsNil() {
			return measure(value.Elem(), left, depth)
		}
	case reflect.Slice, reflect.Array:
		for i := 0; i < value.Len() && left >= 0; i++ {
			left = measure(value.Index(i), left-itemSize, depth-1)
		}
	case reflect.Map:
		for each := value.MapRange(); each.Next() && left >= 0; {
			left = measure(each.Value(), measure(each.Key(), left-itemSize, depth-1), depth-1)
		}
	}
	return left
}
