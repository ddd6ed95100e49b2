package store

import (
	"encoding/json"
	"slices"
	"time"

	"courier"
)

// ReceiptResult says what became of a receipt.
type ReceiptResult string

// What becomes of receipts.
const (
	// ReceiptApplied brought its message into another status.
	ReceiptApplied ReceiptResult = "applied"
	// ReceiptKept is written down and changes no status: it is an intermediate one, the
	// other parts of the message are outstanding, or a later attempt decides.
	ReceiptKept ReceiptResult = "kept"
	// ReceiptDuplicate was known.
	ReceiptDuplicate ReceiptResult = "duplicate"
	// ReceiptLate came after the final word on its message. It is written down when it
	// is a final word itself.
	ReceiptLate ReceiptResult = "late"
	// ReceiptParked belongs to no attempt that is known, or to one that is under way. It
	// is looked at again when the outcome of an attempt is written, for ParkedFor.
	ReceiptParked ReceiptResult = "parked"
	// ReceiptInvalid has no id of a message, or a status that no receipt can have.
	ReceiptInvalid ReceiptResult = "invalid"
)

// Received is what became of one receipt.
type Received struct {
	// MessageID is the zero ID when no message is known.
	MessageID courier.ID
	Result    ReceiptResult
	// From and To are the statuses of the message before and after it.
	From, To courier.Status
}

// Bounds of what is kept of receipts.
const (
	// ParkedFor is how long a receipt waits for its message.
	ParkedFor = 24 * time.Hour
	// MaxParked is how many receipts wait; more take the place of the oldest.
	MaxParked = 100_000
	// maxReceipts is how many receipts of one message are written down.
	maxReceipts = 1000
	// maxIDLength is how many bytes of a gateway's id are kept: an index of PostgreSQL
	// takes no more than 2,700.
	maxIDLength = 250
)

// slowAfter is how long a delivery takes that a Tally counts as slow.
const slowAfter = 30 * time.Second

// CleanID returns a gateway's id of a message as stores keep it.
func CleanID(id string) string { return CleanText(id[:min(len(id), maxIDLength)]) }

// PartIDs returns the ids of an attempt as stores keep them: those of its parts, none
// where there is one only.
func PartIDs(a *courier.Attempt) []string {
	if len(a.GatewayMessageIDs) < 2 || a.Outcome != courier.OutcomeAccepted {
		return nil
	}
	ids := make([]string, len(a.GatewayMessageIDs))
	for i, id := range a.GatewayMessageIDs {
		ids[i] = CleanID(id)
	}
	return ids
}

// Names are what a gateway calls the message that it took, and its parts.
func (s *Settlement) Names() []string {
	id := s.Settled().GatewayMessageID
	if id == "" {
		return nil
	}
	return append([]string{id}, PartIDs(s.Attempt)...)
}

// HasID reports whether a gateway named an attempt, or a part of it, so.
func HasID(a *courier.Attempt, id string) bool {
	return id != "" && (a.GatewayMessageID == id || slices.Contains(a.GatewayMessageIDs, id))
}

// CleanReceipts returns receipts as stores keep them.
func CleanReceipts(receipts []courier.Receipt, now time.Time) []courier.Receipt {
	cleaned := slices.Clone(receipts)
	for i := range cleaned {
		r := &cleaned[i]
		r.GatewayMessageID, r.Code, r.Message = CleanID(r.GatewayMessageID), CleanText(r.Code), CleanText(r.Message)
		if r.At, r.ReceivedAt = Floor(r.At), Floor(r.ReceivedAt); r.ReceivedAt.IsZero() {
			r.ReceivedAt = Floor(now)
		}
	}
	return cleaned
}

// Delivery is a message with what receipts are judged by.
type Delivery struct {
	*courier.Message
	Attempts []courier.Attempt
	// Receipts are those that are written down, in the order in which they came.
	Receipts []courier.Receipt
	// From is the status that the message had, Known how many receipts were there: what
	// Judge changes is to be written.
	From  courier.Status
	Known int
	// Named is true when a receipt told what the gateway calls the message.
	Named bool
}

// Parked is a receipt that waits, with its place in the order in which they came.
type Parked struct {
	Seq int64
	courier.Receipt
}

// NewDelivery returns a delivery that nothing has changed yet.
func NewDelivery(m *courier.Message, attempts []courier.Attempt, receipts []courier.Receipt) *Delivery {
	return &Delivery{Message: m, Attempts: attempts, Receipts: receipts, From: m.Status, Known: len(receipts)}
}

// Named returns the names of messages that receipts told: others may wait for these.
func Named(deliveries map[courier.ID]*Delivery) []string {
	var names []string
	for _, d := range deliveries {
		if d.Named {
			names = append(names, d.GatewayMessageID)
		}
	}
	return names
}

// News are the receipts to be written down.
func (d *Delivery) News() []courier.Receipt { return d.Receipts[d.Known:] }

// Step is a change of a status.
type Step struct{ From, To courier.Status }

// Steps are the changes that lead to the status of the message, each of them legal.
func (d *Delivery) Steps() []Step {
	switch {
	case d.Status == d.From:
		return nil
	case d.From.CanBecome(d.Status):
		return []Step{{d.From, d.Status}}
	}
	return []Step{{d.From, courier.StatusSent}, {courier.StatusSent, d.Status}}
}

// Judge changes deliveries by receipts, one after the other, and answers for each.
// Deliveries holds that of each receipt, the same for several of one message, nil
// where there is none. What to count is added to the tallies.
func Judge(receipts []courier.Receipt, deliveries []*Delivery, tallies *Tallies) []Received {
	answers := make([]Received, len(receipts))
	for i := range receipts {
		r, d, a := &receipts[i], deliveries[i], &answers[i]
		switch {
		case !isReceipt(r):
			a.Result = ReceiptInvalid
		case d == nil:
			a.Result = ReceiptParked
		default:
			about := d.attemptOf(r)
			if about == nil {
				a.Result = ReceiptParked
				continue
			}
			a.MessageID, a.From = d.ID, d.Status
			a.Result = d.take(*r, about, tallies)
			a.To = d.Status
		}
	}
	return answers
}

func isReceipt(r *courier.Receipt) bool {
	return (r.GatewayMessageID != "" || !r.MessageID.IsZero()) && (r.Status == courier.StatusSent || isLast(r.Status))
}

// isLast reports whether a gateway that reports a status says no more as a rule.
func isLast(status courier.Status) bool {
	return status == courier.StatusDelivered || status == courier.StatusUnknown || isNegative(status)
}

func isNegative(status courier.Status) bool {
	switch status { //nolint:exhaustive // the others are not
	case courier.StatusUndelivered, courier.StatusRejected, courier.StatusExpired, courier.StatusCanceled:
		return true
	}
	return false
}

// take judges one receipt, which is about an attempt.
func (d *Delivery) take(r courier.Receipt, about *courier.Attempt, tallies *Tallies) ReceiptResult {
	if d.Status == courier.StatusProcessing {
		return ReceiptParked
	}
	if slices.ContainsFunc(d.Receipts, func(known courier.Receipt) bool {
		return known.Gateway == r.Gateway && known.GatewayMessageID == r.GatewayMessageID && known.Status == r.Status
	}) {
		return ReceiptDuplicate
	}
	final := d.Status.Final()
	if final && (r.Status == courier.StatusSent || r.Status == courier.StatusUnknown) || len(d.Receipts) >= maxReceipts {
		return ReceiptLate
	}
	r.MessageID = d.ID
	d.Receipts = append(d.Receipts, r)
	to := d.leadsTo(&r, about)
	switch {
	case to != "" && to != d.Status && d.Status.CanBecome(to):
		d.apply(&r, about, to, tallies)
		return ReceiptApplied
	case final:
		return ReceiptLate
	}
	return ReceiptKept
}

// attemptOf returns the attempt that a receipt is about: the one that has its id, or
// the last through its gateway when it names the message. It is nil for none.
func (d *Delivery) attemptOf(r *courier.Receipt) *courier.Attempt {
	var through *courier.Attempt
	for i := range slices.Backward(d.Attempts) {
		a := &d.Attempts[i]
		if a.Gateway != r.Gateway {
			continue
		}
		if HasID(a, r.GatewayMessageID) {
			return a
		}
		if through == nil {
			through = a
		}
	}
	if r.MessageID == d.ID || r.GatewayMessageID != "" && r.GatewayMessageID == d.GatewayMessageID {
		return through
	}
	return nil
}

// leadsTo returns the status that a receipt leads to, empty for none.
func (d *Delivery) leadsTo(r *courier.Receipt, about *courier.Attempt) courier.Status {
	switch {
	case r.Status == courier.StatusDelivered && d.isWhole(about):
		return courier.StatusDelivered
	case r.Status == courier.StatusDelivered || r.Status == courier.StatusSent:
		// It proves that the gateway took the message. Where that was known it says
		// nothing new, also when the message was queued again by hand since.
		if about.Outcome == courier.OutcomeAccepted || !d.SentAt.IsZero() {
			return ""
		}
		return courier.StatusSent
	case d.Status == courier.StatusQueued || d.isFollowed(about):
		return "" // another attempt decides
	}
	return r.Status
}

// isWhole reports whether all parts of an attempt were delivered.
func (d *Delivery) isWhole(a *courier.Attempt) bool {
	for _, id := range a.GatewayMessageIDs {
		if !slices.ContainsFunc(d.Receipts, func(r courier.Receipt) bool {
			return r.Status == courier.StatusDelivered && r.Gateway == a.Gateway && (r.GatewayMessageID == id || r.GatewayMessageID == "")
		}) {
			return false
		}
	}
	return true
}

// isFollowed reports whether a gateway may have taken the message in a later attempt.
func (d *Delivery) isFollowed(a *courier.Attempt) bool {
	return slices.ContainsFunc(d.Attempts, func(later courier.Attempt) bool {
		return later.Number > a.Number && (later.Outcome == courier.OutcomeAccepted || later.Outcome == courier.OutcomeUnknown)
	})
}

// apply brings the message into a status by a receipt.
func (d *Delivery) apply(r *courier.Receipt, about *courier.Attempt, to courier.Status, tallies *Tallies) {
	m := d.Message
	taken := to == courier.StatusSent || to == courier.StatusDelivered
	if taken && m.SentAt.IsZero() {
		// The outcome of the attempt was unknown until now.
		m.SentAt, m.Gateway, m.GatewayMessageID = r.ReceivedAt, about.Gateway, r.GatewayMessageID
		d.Named = m.GatewayMessageID != ""
		tallies.accepted(r.Gateway, m, m.SentAt)
	}
	tallies.reported(r, m, to)
	m.Status, m.UpdatedAt, m.NextAttemptAt = to, r.ReceivedAt, time.Time{}
	if m.LastError = nil; !taken {
		m.LastError = FailureOf(r, about.Number)
	}
}

// FailureOf returns what a receipt says against a message, in the form of the attempt
// that had been accepted.
func FailureOf(r *courier.Receipt, number int) *courier.Attempt {
	text := r.Message
	if text == "" {
		text = "the gateway reports that the message is " + string(r.Status)
	}
	return &courier.Attempt{
		Number: number, Gateway: r.Gateway, Outcome: courier.OutcomeAccepted, Class: r.Class, Code: r.Code, Message: text,
		GatewayMessageID: r.GatewayMessageID, StartedAt: r.ReceivedAt,
	}
}

// failure is LastError where a receipt said it.
type failure struct {
	Number  int           `json:"number"`
	Gateway string        `json:"gateway"`
	Class   courier.Class `json:"class,omitempty"`
	Code    string        `json:"code,omitempty"`
	Message string        `json:"message"`
	ID      string        `json:"id,omitempty"`
	At      time.Time     `json:"at"`
}

// EncodeFailure returns the document that keeps what a receipt said against a message,
// empty for nil.
func EncodeFailure(a *courier.Attempt) string {
	if a == nil {
		return ""
	}
	// Texts and a time can be encoded.
	document, _ := json.Marshal(failure{a.Number, a.Gateway, a.Class, a.Code, a.Message, a.GatewayMessageID, a.StartedAt})
	return string(document)
}

// DecodeFailure sets LastError of a message to what a document keeps, if any.
func DecodeFailure(m *courier.Message, document string) {
	var f failure
	if document == "" || json.Unmarshal([]byte(document), &f) != nil {
		return
	}
	m.LastError = &courier.Attempt{
		Number: f.Number, Gateway: f.Gateway, Outcome: courier.OutcomeAccepted, Class: f.Class, Code: f.Code, Message: f.Message,
		GatewayMessageID: f.ID, StartedAt: f.At,
	}
}

// ToPark returns those of receipts that are parked by their answers, with the messages
// that they are about, and when the newest came.
func ToPark(receipts []courier.Receipt, answers []Received) (waiting []courier.Receipt, newest time.Time) {
	for i, r := range receipts {
		if answers[i].Result != ReceiptParked {
			continue
		}
		if !answers[i].MessageID.IsZero() {
			r.MessageID = answers[i].MessageID
		}
		if waiting = append(waiting, r); r.ReceivedAt.After(newest) {
			newest = r.ReceivedAt
		}
	}
	return waiting, newest
}

// Done returns the places of parked receipts that need not wait any more, by their answers.
func Done(parked []Parked, answers []Received) []int64 {
	var done []int64
	for i, p := range parked {
		if answers[i].Result != ReceiptParked {
			done = append(done, p.Seq)
		}
	}
	return done
}
