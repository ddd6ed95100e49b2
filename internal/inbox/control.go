package inbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"courier/internal/gateway/gatewaytest"
)

// answersUsual is the way to answer that the inbox was started with.
const answersUsual = "usual"

// throttleDelay is the Retry-After of a throttling gateway.
const throttleDelay = 5 * time.Second

// choice is something that the user can choose.
type choice struct {
	Name, Label, Hint string
	// On is true for what is chosen now.
	On bool
}

// answersChoices are the ways to answer.
func answersChoices() []choice {
	return []choice{
		{Name: answersUsual, Label: "Takes", Hint: "It takes messages."},
		{Name: "fail", Label: "Fails", Hint: "It answers 503: it is in trouble, and messages are tried again."},
		{Name: "throttle", Label: "Throttles", Hint: "It answers 429 and asks for a pause of 5 s."},
		{Name: "refuse", Label: "Refuses", Hint: "It answers 400: it does not want the message."},
		{Name: "hang", Label: "Hangs", Hint: "It never answers: nobody knows whether it took the message."},
	}
}

// receiptChoices are what can be reported of messages.
func receiptChoices() []choice {
	return []choice{
		{Name: receiptDelivered, Label: "Delivered", Hint: "It reports that the phone got the message."},
		{Name: receiptUndelivered, Label: "Undelivered", Hint: "It reports that the phone did not get the message."},
		{Name: receiptLate, Label: "Late", Hint: "It reports delivery, but 30 s late."},
		{Name: receiptTwice, Label: "Twice", Hint: "It reports delivery twice."},
		{Name: receiptNone, Label: "None", Hint: "It reports nothing."},
	}
}

// chosen marks what is chosen.
func chosen(choices []choice, name string) []choice {
	for n := range choices {
		choices[n].On = choices[n].Name == name
	}
	return choices
}

// behavior is what a way to answer stands for, nil for the usual one.
func behavior(answers string) *gatewaytest.Behavior {
	switch answers {
	case "fail":
		return &gatewaytest.Behavior{Status: http.StatusServiceUnavailable}
	case "throttle":
		return &gatewaytest.Behavior{Status: http.StatusTooManyRequests, RetryAfter: throttleDelay}
	case "refuse":
		return &gatewaytest.Behavior{Status: http.StatusBadRequest}
	case "hang":
		return &gatewaytest.Behavior{Fault: gatewaytest.FaultHang}
	}
	return nil
}

// setGateway changes what is done with the messages to come: how they are answered, what
// is reported of them, or both.
func (i *Inbox) setGateway(w http.ResponseWriter, r *http.Request) {
	answers, receipts := r.PostFormValue("answers"), r.PostFormValue("receipts")
	switch {
	case answers == "" && receipts == "":
		problem(w, http.StatusUnprocessableEntity, "answers or receipts is missing")
		return
	case answers != "" && !offers(answersChoices(), answers):
		problem(w, http.StatusUnprocessableEntity, "answers is none of "+names(answersChoices()))
		return
	case receipts != "" && !offers(receiptChoices(), receipts):
		problem(w, http.StatusUnprocessableEntity, "receipts is none of "+names(receiptChoices()))
		return
	}
	i.mu.Lock()
	if answers != "" {
		i.answers = answers
		i.Override(behavior(answers))
	}
	if receipts != "" {
		i.receipts = receipts
	}
	i.mu.Unlock()
	i.changes.ring()
	back(w, r)
}

// sendReceipt reports of one message.
func (i *Inbox) sendReceipt(w http.ResponseWriter, r *http.Request) {
	kind := r.PostFormValue("receipt")
	request, found := i.find(r.PostFormValue("id"))
	switch {
	case !found:
		problem(w, http.StatusNotFound, "the inbox has no message with this id")
		return
	case kind == receiptNone || !offers(receiptChoices(), kind):
		problem(w, http.StatusUnprocessableEntity, "receipt is none of "+names(receiptChoices()[:len(receiptChoices())-1]))
		return
	}
	if err := i.reportNow(request, kind); err != nil {
		problem(w, http.StatusConflict, err.Error())
		return
	}
	back(w, r)
}

// empty forgets the messages, for the page.
func (i *Inbox) empty(w http.ResponseWriter, r *http.Request) {
	i.Clear()
	back(w, r)
}

func offers(choices []choice, name string) bool {
	return slices.ContainsFunc(choices, func(c choice) bool { return c.Name == name })
}

func names(choices []choice) string {
	all := make([]string, len(choices))
	for n := range choices {
		all[n] = choices[n].Name
	}
	return strings.Join(all, ", ")
}

// back leads to the page that the form was on.
func back(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, pageURL(r.PostForm["at_to"], r.PostFormValue("at_message")), http.StatusSeeOther)
}

// pageURL is the address of the page that shows the conversation with a recipient, without
// one the newest, and a message of it.
func pageURL(to []string, message string) string {
	query := url.Values{}
	if len(to) > 0 {
		query.Set("to", to[0])
	}
	if message != "" {
		query.Set("message", message)
	}
	if len(query) == 0 {
		return ownPath
	}
	return ownPath + "?" + query.Encode()
}
