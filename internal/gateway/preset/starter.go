package preset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Starter returns a configuration with this preset as the gateway, whose secrets come from
// the environment. It is valid once those variables are set.
func (p *Preset) Starter() string {
	var text strings.Builder
	line := func(indent int, format string, args ...any) {
		text.WriteString(strings.Repeat(" ", indent) + fmt.Sprintf(format, args...) + "\n")
	}
	line(0, "# A courier that sends through %s (%s). Set the environment variables", p.Title, p.Site)
	line(0, "# that are named here, or write their values; then:")
	line(0, "#\n#   courier config check -c FILE     tells of everything that is wrong\n#   courier -c FILE serve            runs it")
	line(0, "courier:\n  gateways:")
	line(4, "- id: %s\n      preset: %s", p.Name, p.Name)
	line(6, "# The sender of messages that name none.\n      from: \"+12065550110\"")
	if p.file.Receipts.Address != addressNone {
		line(6, "# The last part of the address of receipts: a long random text.\n      receipt_secret: %s", p.reference(settingSecret))
	}
	line(6, "params:")
	asked := p.asked()
	for _, name := range names(p.Params) {
		mark := ""
		if !slices.Contains(asked, name) {
			mark = "# "
		}
		line(8, "# %s", p.Params[name].Doc)
		line(8, "%s%s: %s", mark, name, p.reference(name))
	}
	if p.file.Receipts.Address != addressNone {
		line(0, "public:\n  # The address at which the provider reaches the public listener, port 4477.\n  url: https://sms.example.com")
	}
	return text.String()
}

// Examples are the parameters without which nothing works, with examples as values.
func (p *Preset) Examples() map[string]string {
	examples := map[string]string{}
	for _, name := range p.asked() {
		if param, ok := p.Params[name]; ok {
			examples[name] = cmp.Or(param.Example, param.Default)
		}
	}
	return examples
}

// asked are the parameters without which nothing works: those that are required, and the
// first way to give what is needed in one of several.
func (p *Preset) asked() []string {
	var asked []string
	for name, param := range p.Params {
		if param.Required {
			asked = append(asked, name)
		}
	}
	for _, need := range p.file.Needs {
		asked = append(asked, strings.Fields(need[0])...)
	}
	for _, pair := range p.file.Pairs {
		if slices.ContainsFunc(pair, func(name string) bool { return slices.Contains(asked, name) }) {
			asked = append(asked, pair...)
		}
	}
	return asked
}

// reference names the environment variable of a parameter, or its default.
func (p *Preset) reference(name string) string {
	if param := p.Params[name]; param.Default != "" {
		return param.Default
	}
	variable := strings.ToUpper(strings.ReplaceAll(p.Name+"_"+name, "-", "_"))
	if variable[0] <= '9' { // no shell can set it
		variable = "SMS_" + variable
	}
	return "env://" + variable
}
