package httpapi

import (
	"courier"
	"courier/internal/store"
)

// whyPage is how many of the last messages of a recipient are looked at.
const whyPage = 10

// WhyRequest names a recipient, in the body, as addresses are logged.
type WhyRequest struct {
	To string `json:"to" required:"true" example:"+12065550199" doc:"The recipient, as in a message."`
}

// whyAnswer is what became of the last messages of a recipient.
type whyAnswer struct {
	To       string    `json:"to" example:"+12065550199" doc:"The recipient, as messages have it."`
	Text     string    `json:"text" doc:"One paragraph: what became of the last messages, and what to do."`
	Messages []Message `json:"messages" nullable:"false" doc:"The last ten, the newest first."`
}

// why says what became of the last messages of a recipient, and what to do.
func (a *API) why(c *call) (any, error) {
	var request WhyRequest
	if err := decodeBody(c, a.options.MaxBodySize, &request); err != nil {
		return nil, err
	}
	to, err := a.options.Intake.Recipient(request.To)
	if err != nil {
		return nil, err
	}
	page, err := a.options.Store.Messages(c.r.Context(), store.Query{To: to, Limit: whyPage})
	if err != nil {
		return nil, err
	}
	var attempts []courier.Attempt
	if len(page.Messages) > 0 {
		if _, attempts, err = a.options.Store.Message(c.r.Context(), page.Messages[0].ID); err != nil {
			return nil, err
		}
	}
	answer := whyAnswer{To: to, Text: courier.Why(page.Messages, attempts, a.now()), Messages: make([]Message, len(page.Messages))}
	for i, m := range page.Messages {
		answer.Messages[i] = newMessage(m, c.by)
	}
	return answer, nil
}
