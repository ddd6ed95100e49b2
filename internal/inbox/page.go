package inbox

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"courier"
	"courier/internal/gateway/gatewaytest"
)

//go:embed page.html
var pageText string

// The bounds of what the page shows at once. The whole is in the JSON of a message.
const (
	maxConversations = 100
	maxBubbles       = 100
	maxText          = 3000
	maxRaw           = 20_000
)

// securityPolicy lets nothing but the page's own files in.
const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// view is what the page shows.
type view struct {
	// As names the provider, empty for none.
	As            string
	Count         int
	Conversations []conversation
	// To is the recipient whose conversation is shown, From who wrote to it last.
	To, From string
	Earlier  int
	Bubbles  []bubble
	Request  *rawRequest
	Answers  []choice
	Receipts []choice
	// AtTo and AtMessage are what the address names: at most one recipient, who may be "",
	// and a message.
	AtTo      []string
	AtMessage string
}

// conversation is all that came for one recipient.
type conversation struct {
	To, Last, URL string
	At            time.Time
	Count         int
	Selected      bool
}

// bubble is a message on the phone, or a try that did not get there.
type bubble struct {
	ID, URL string
	// Before, Code and After are the text. Code is as it is written, Copy without blanks.
	Before, Code, After, Copy string
	Cut                       bool
	At                        time.Time
	Arrived                   bool
	// Asked is true for a question about a message, which some couriers ask a provider.
	Asked  bool
	Status int
	// Size is how a network counts it, such as 1 segment.
	Size string
	// Told is what was reported of it last.
	Told     *Receipt
	Selected bool
}

// rawRequest is what the gateway got.
type rawRequest struct {
	ID, Line, Body string
	Cut            bool
	Headers        [][2]string
	Status         int
	StatusText     string
	At             time.Time
	Receipts       []Receipt
	// NoReceipts says why nothing can be reported of it, empty when something can.
	NoReceipts string
	Kinds      []choice
}

// isPage reports whether a request asks for the page. A gateway's request to the root
// has a body or a query.
func isPage(r *http.Request) bool {
	return r.URL.Path == "/" && r.URL.RawQuery == "" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

func (i *Inbox) page(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	page := template.Must(template.New("inbox").Funcs(template.FuncMap{"shown": shown}).Parse(pageText))
	query := r.URL.Query()
	_ = page.Execute(w, i.view(query["to"], query.Get("message"))) // an error means that the browser is gone
}

// view puts together what the page shows: the conversation with a recipient, or the newest.
func (i *Inbox) view(to []string, message string) *view {
	requests := i.Requests()
	i.mu.Lock()
	answers, receipts := i.answers, i.receipts
	i.mu.Unlock()
	v := &view{
		Count: i.Count(), AtTo: to, AtMessage: message,
		Answers: chosen(answersChoices(), answers), Receipts: chosen(receiptChoices(), receipts),
	}
	if i.options.Emulation != nil {
		v.As = i.options.Emulation.Name
	}
	v.Conversations = conversations(requests, to)
	if len(v.Conversations) == 0 {
		return v
	}
	v.To = v.Conversations[max(slices.IndexFunc(v.Conversations, func(c conversation) bool { return c.Selected }), 0)].To
	i.fill(v, requests, message)
	return v
}

// conversations returns the recipients, whose message is the newest first, with one selected.
func conversations(requests []gatewaytest.Request, to []string) []conversation {
	var all []conversation
	places := map[string]int{}
	wanted := phoneOf(strings.Join(to, ""))
	for _, request := range slices.Backward(requests) {
		kept := noteOf(&request)
		n, found := places[kept.phone]
		switch {
		case found:
		case len(all) == maxConversations && kept.phone != wanted:
			continue
		default:
			n = len(all)
			places[kept.phone] = n
			all = append(all, conversation{To: kept.to, Last: cut(cmp.Or(kept.text, "no text"), 60), URL: pageURL([]string{kept.to}, ""), At: request.ReceivedAt})
		}
		all[n].Count++
	}
	if len(all) > 0 {
		n := 0
		if len(to) > 0 {
			n = places[wanted]
		}
		all[n].Selected = true
	}
	return all
}

// fill adds the conversation and the request of the selected message, the newest for "".
func (i *Inbox) fill(v *view, requests []gatewaytest.Request, message string) {
	mine := slices.DeleteFunc(requests, func(r gatewaytest.Request) bool { return noteOf(&r).phone != phoneOf(v.To) })
	if len(mine) > maxBubbles {
		v.Earlier = len(mine) - maxBubbles
		mine = mine[v.Earlier:]
	}
	selected := len(mine) - 1
	for n := range mine {
		if mine[n].ID == message {
			selected = n
		}
	}
	for n := range mine {
		one := i.bubble(&mine[n])
		one.Selected = n == selected
		v.Bubbles = append(v.Bubbles, one)
	}
	v.From = noteOf(&mine[len(mine)-1]).from
	v.Request = i.rawRequest(&mine[selected])
}

func (i *Inbox) bubble(request *gatewaytest.Request) bubble {
	kept := noteOf(request)
	text := cut(kept.text, maxText)
	b := bubble{
		ID: request.ID, URL: pageURL([]string{kept.to}, request.ID) + "#request", At: request.ReceivedAt, Status: request.Status,
		Before: text, Copy: kept.code, Cut: len(text) < len(kept.text),
	}
	b.Asked = i.emulator != nil && request.Method == http.MethodGet
	b.Arrived = (&Message{Status: request.Status}).Arrived()
	if before, code, found := splitCode(text, kept.code); found {
		b.Before, b.Code, b.After = before, code, text[len(before)+len(code):]
	}
	if len(kept.text) <= maxText {
		b.Size = size(kept.text)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if n := len(kept.receipts); n > 0 {
		told := kept.receipts[n-1]
		b.Told = &told
	}
	return b
}

// size is how a network counts a text.
func size(text string) string {
	encoding, segments := courier.CountSegments(text)
	counted := fmt.Sprintf("%d segments", segments)
	if segments == 1 {
		counted = "1 segment"
	}
	if encoding == courier.EncodingUCS2 {
		counted += ", UCS-2"
	}
	return counted
}

// splitCode finds a code in its text, where it may be written in two groups.
func splitCode(text, code string) (before, written string, found bool) {
	half := len(code) / 2
	for _, form := range []string{code, code[:half] + "-" + code[half:], code[:half] + " " + code[half:]} {
		if n := strings.Index(text, form); n >= 0 && code != "" {
			return text[:n], form, true
		}
	}
	return "", "", false
}

func (i *Inbox) rawRequest(request *gatewaytest.Request) *rawRequest {
	message := i.message(request)
	body := cut(message.Body, maxRaw)
	raw := &rawRequest{
		ID: message.ID, Line: message.Method + " " + message.Target, Body: body, Cut: len(body) < len(message.Body) || message.Truncated,
		Status: message.Status, StatusText: http.StatusText(message.Status), At: message.ReceivedAt,
		Receipts: message.Receipts, Kinds: receiptChoices()[:len(receiptChoices())-1],
	}
	raw.Line = cut(raw.Line, maxText)
	for name, values := range message.Headers {
		for _, value := range values {
			raw.Headers = append(raw.Headers, [2]string{name, cut(value, maxText)})
		}
	}
	slices.SortFunc(raw.Headers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	if err := i.reportFault(request); err != nil {
		raw.NoReceipts = err.Error()
	}
	return raw
}

// cut shortens a text to a number of bytes, at a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// shown makes characters visible that a browser would obey or hide: control characters, and
// those that change the direction of what comes after them.
func shown(text string) string {
	if !strings.ContainsFunc(text, isHidden) {
		return text
	}
	var out strings.Builder
	for _, char := range text {
		if isHidden(char) {
			fmt.Fprintf(&out, "[U+%04X]", char)
		} else {
			out.WriteRune(char)
		}
	}
	return out.String()
}

func isHidden(char rune) bool {
	return char != '\n' && char != '\t' && (unicode.IsControl(char) || unicode.Is(unicode.Bidi_Control, char))
}
