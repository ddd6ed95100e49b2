package intake

import "net/url"

// maxCallbackURL bounds the address to which changes of status are reported, in bytes.
const maxCallbackURL = 2048

// checkCallback judges the address to which the caller wants changes of status
// reported. Whether the courier may connect to it is judged when it does.
func checkCallback(configured bool, text string) error {
	if text == "" {
		return nil
	}
	fault := ""
	switch target, err := url.Parse(text); {
	case !configured:
		fault = "changes of status are reported to no callback_url; set callbacks.secret, with which the reports are signed"
	case len(text) > maxCallbackURL:
		fault = "it is longer than 2048 bytes; shorten it"
	case err != nil || (target.Scheme != "https" && target.Scheme != "http") || target.Hostname() == "":
		fault = "it is no absolute https or http URL; give one such as https://example.com/sms-status"
	case target.User != nil:
		fault = "it holds a user or a password; leave them out: reports are signed, so that you can tell that they are genuine"
	case target.Fragment != "":
		fault = "it has a fragment, which is never sent; leave out # and what follows"
	default:
		return nil
	}
	return invalid("callback_url", fault)
}
