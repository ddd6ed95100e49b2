package cli

import (
	"fmt"
	"io"
	"strconv"

	"courier/client"
)

// printMessage prints all that is known of one message.
func printMessage(out io.Writer, format format, message *client.Message) error {
	if format == formatJSON {
		return printJSON(out, message)
	}
	if err := printFields(out, messageFields(message)); err != nil || len(message.Attempts) == 0 {
		return err
	}
	if err := printText(out, "\n"); err != nil {
		return err
	}
	return printTable(out, []string{"ATTEMPT", "STARTED", "OUTCOME", "HTTP", "DURATION", "GATEWAY"}, attemptRows(message.Attempts))
}

func messageFields(message *client.Message) [][2]string {
	return [][2]string{
		{"id", message.ID.String()},
		{"status", string(message.Status)},
		{"channel", message.Channel},
		{"to", message.To},
		{"from", message.From},
		{"body", message.Body},
		{"segments", segmentsText(message)},
		{"gateway", message.Gateway},
		{"gateway id", message.GatewayMessageID},
		{"attempts", strconv.Itoa(message.SendCount)},
		{"last error", faultText(message.LastError)},
		{"created", printTime(message.CreatedAt)},
		{"updated", printTime(message.UpdatedAt)},
		{"next attempt", printTime(message.NextAttemptAt)},
		{"expires", printTime(message.ExpiresAt)},
		{"sent", printTime(message.SentAt)},
		{"scrubbed", printTime(message.ScrubbedAt)},
	}
}

func segmentsText(message *client.Message) string {
	if message.Segments == 0 {
		return ""
	}
	return fmt.Sprintf("%d (%s)", message.Segments, message.Encoding)
}

// attemptRows print what went wrong, and what the gateway said, below the attempt.
func attemptRows(attempts []client.Attempt) []entry {
	rows := make([]entry, len(attempts))
	for i := range attempts {
		attempt := &attempts[i]
		status := ""
		if attempt.HTTPStatus != 0 {
			status = strconv.Itoa(attempt.HTTPStatus)
		}
		rows[i].cells = []string{
			strconv.Itoa(attempt.Number), printTime(attempt.StartedAt), string(attempt.Outcome), status, attempt.Duration, attempt.Gateway,
		}
		if fault := faultText(&attempt.Fault); fault != "" {
			rows[i].notes = append(rows[i].notes, fault)
		}
		if attempt.Excerpt != "" {
			rows[i].notes = append(rows[i].notes, "excerpt of the answer: "+attempt.Excerpt)
		}
	}
	return rows
}

func faultText(fault *client.Fault) string {
	if fault == nil || fault.Class == "" {
		return ""
	}
	text := string(fault.Class)
	if fault.Code != "" {
		text += " (" + fault.Code + ")"
	}
	if fault.Message != "" {
		text += ": " + fault.Message
	}
	return text
}
