package courier

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Why says in one paragraph what became of the last messages to a number, and what to do:
// the newest first, with the attempts of that one. It names no number, text or code.
func Why(messages []*Message, attempts []Attempt, now time.Time) string {
	if len(messages) == 0 {
		return "No message to this number is known. Either none was accepted while messages are kept (retention.delete_after), or the number is another. " +
			"A request that is refused leaves no message: look at the answers that the application or identity system got, and at courier_http_requests_total and courier_hook_requests_total."
	}
	newest := messages[0]
	parts := []string{fmt.Sprintf("The last message%s was accepted %s ago.", kindOf(newest), roughly(now.Sub(newest.CreatedAt))), fateOf(newest, attempts, now)}
	if text := before(messages[1:]); text != "" {
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func kindOf(m *Message) string {
	if m.TemplateType == "" {
		return ""
	}
	return " (" + m.TemplateType + ")"
}

// fateOf says what became of a message and what to do.
func fateOf(m *Message, attempts []Attempt, now time.Time) string {
	through, fault, next := "the gateway "+m.Gateway, "", ""
	if last := m.LastError; last != nil {
		explained := last.Class.Explain()
		fault, next = strings.TrimSpace(" "+explained.Meaning), explained.Next
	}
	with := func(first string, more ...string) string {
		return strings.Join(slices.DeleteFunc(append([]string{first}, more...), func(text string) bool { return text == "" }), " ")
	}
	warning := ""
	if len(attempts) > 0 && attempts[len(attempts)-1].Warning != "" {
		warning = "Note: " + attempts[len(attempts)-1].Warning + "."
	}
	tries := fmt.Sprintf("%d attempts", m.SendCount)
	if m.SendCount == 1 {
		tries = "one attempt"
	}
	switch m.Status {
	case StatusQueued:
		switch {
		case m.NextAttemptAt.After(now) && m.SendCount == 0:
			return with(fmt.Sprintf("It is not due before %s, in %s.", stamp(m.NextAttemptAt), roughly(m.NextAttemptAt.Sub(now))), "Nothing is wrong: it was asked for like this, or waits for an older one in flight.")
		case m.SendCount == 0:
			return with("It waits for "+through+", which has not been asked yet.", "Look whether that gateway is down, paused or at its rate (courier_breaker_state, courier_rate_wait_seconds_total), and whether others wait as well.")
		}
		return with(fmt.Sprintf("It waits for %s after %s.", through, tries), fault, next)
	case StatusProcessing:
		return with("It is being handed to "+through+" right now.", "Look again in a moment.")
	case StatusSent:
		return with(fmt.Sprintf("%s took it%s, and has not reported whether it arrived.", upper(through), within(m)), warning,
			"If that stays so, look it up there by "+idOf(m)+", and check that receipts reach the courier (public.url).")
	case StatusDelivered:
		return with(fmt.Sprintf("It arrived: %s took it%s and reported it delivered.", through, within(m)), warning,
			"If the person does not see it, let them look at blocked and unknown senders, and compare the number.")
	case StatusUndelivered:
		return with(fmt.Sprintf("%s took it%s and reported that it did not arrive.", upper(through), within(m)), fault, next)
	case StatusRejected:
		return with("It was refused for good.", fault, next)
	case StatusExpired:
		if !m.SentAt.IsZero() {
			return with(fmt.Sprintf("%s took it%s and reported that it lost its use before it arrived.", upper(through), within(m)), fault, next)
		}
		return with(fmt.Sprintf("It lost its use before a gateway took it, after %s.", tries), fault, next, "A longer ttl gives it more time.")
	case StatusAbandoned:
		return with(fmt.Sprintf("It was given up after %s.", tries), fault, next)
	case StatusCanceled:
		if !m.SupersededBy.IsZero() {
			return "A newer one with the same supersede_key took its place: " + m.SupersededBy.String() + "."
		}
		return "It was canceled, by its caller or by hand, before a gateway took it."
	case StatusUnknown:
		return with("Nobody knows whether "+through+" took it.", fault, next)
	}
	return ""
}

// before counts what became of the messages before the newest.
func before(messages []*Message) string {
	if len(messages) == 0 {
		return ""
	}
	counts := map[Status]int{}
	for _, m := range messages {
		counts[m.Status]++
	}
	var texts []string
	for _, status := range Statuses() {
		if counts[status] > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", counts[status], status))
		}
	}
	if len(messages) == 1 {
		return "The one before it is " + string(messages[0].Status) + "."
	}
	return fmt.Sprintf("Of the %d before it: %s.", len(messages), strings.Join(texts, ", "))
}

func within(m *Message) string {
	if m.SentAt.IsZero() {
		return ""
	}
	return " " + roughly(m.SentAt.Sub(m.CreatedAt)) + " later"
}

func idOf(m *Message) string {
	if m.GatewayMessageID == "" {
		return "its time"
	}
	return "its id there, " + m.GatewayMessageID
}

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// roughly is a duration in two units at most.
func roughly(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= time.Hour:
		return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.Round(time.Minute).String())
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
