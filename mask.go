package courier

// MaskRecipient hides the middle of a recipient, for logs, traces and error
// texts: "+12065550199" becomes "+1206•••0199". Of one of fewer than 12
// characters only the last two are shown, of one of four or fewer none, so at
// least three characters are hidden, or all of them.
func MaskRecipient(recipient string) string {
	const hidden = "•••"
	runes := []rune(recipient)
	switch {
	case len(runes) >= 12:
		return string(runes[:5]) + hidden + string(runes[len(runes)-4:])
	case len(runes) > 4:
		return hidden + string(runes[len(runes)-2:])
	default:
		return hidden
	}
}
