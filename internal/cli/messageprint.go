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
	if err := printTable(out, messageRows(message)); err != nil {
		return err
	}
	if len(message.Attempts) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(out); err != nil {
		return fmt.Errorf("print message: %w", err)
	}
	return printTable(out, attemptRows(message.Attempts))
}

// messageRows leaves out what does not apply.
func messageRows(message *client.Message) [][]string {
	var rows [][]string
	for _, row := range [][]string{
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
	} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	return rows
}

func segmentsText(message *client.Message) string {
	if message.Segments == 0 {
		return ""
	}
	return fmt.Sprintf("%d (%s)", message.Segments, message.Encoding)
}

func attemptRows(attempts []client.Attempt) [][]string {
	rows := [][]string{{"ATTEMPT", "STARTED", "DURATION", "GATEWAY", "OUTCOME", "HTTP", "ERROR"}}
	for _, attempt := range attempts {
		answer := ""
		if attempt.HTTPStatus != 0 {
			answer = strconv.Itoa(attempt.HTTPStatus)
		}
		rows = append(rows, []string{
			strconv.Itoa(attempt.Number), printTime(attempt.StartedAt), attempt.Duration,
			attempt.Gateway, string(attempt.Outcome), answer, faultText(&attempt.Fault),
		})
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
