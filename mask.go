package courier

// MaskRecipient hides the middle of a recipient, for logs, traces and error
// texts: "+12065550199" becomes "+1206•••0199". Of a short recipient only the
// last two characters are kept, of one of four characters or fewer nothing.
func MaskRecipient(recipient string) string {
	const hidden = "•••"
	runes := []rune(recipient)
	switch {
	case len(runes) >= 11:
		return string(runes[:5]) + hidden + string(runes[len(runes)-4:])
	case len(runes) > 4:
		return hidden + string(runes[len(runes)-2:])
	default:
		return hidden
	}
}
