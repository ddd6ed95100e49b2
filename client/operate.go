package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"courier"
)

// reason is why something is done, for the audit log.
type reason struct {
	Reason string `json:"reason,omitempty"`
}

// newReason returns the body of a request that may say why, nil for none.
func newReason(why string) any {
	if why == "" {
		return nil
	}
	return reason{why}
}

// Duration is a time.Duration that JSON has as a text such as "1.5s".
type Duration time.Duration

// String returns it as Go writes durations.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

// Wait is how long messages took, as far as buckets tell.
type Wait struct {
	Count int64    `json:"count"`
	P50   Duration `json:"p50"`
	P99   Duration `json:"p99"`
}

// Traffic is what happened to messages in some time.
type Traffic struct {
	// Taken are the messages that the courier took in.
	Taken int64 `json:"taken"`
	// Due are those that were to be sent in it, without canceled ones; Timely are those of
	// them that arrived within 30 seconds: by a receipt, or by the word of a gateway that
	// sends none. The last half minute is not ripe.
	Due    int64 `json:"due"`
	Timely int64 `json:"timely"`
	// Sent, Delivered and Failed are what happened in it, whenever the messages were taken.
	Sent      int64 `json:"sent"`
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
	// ToGateway and ToReceipt are how long those sent and delivered took; nil for none.
	ToGateway *Wait `json:"to_gateway"`
	ToReceipt *Wait `json:"to_receipt"`
}

// SeriesQuery asks what happened over time.
type SeriesQuery struct {
	// Since is an hour before Until when zero, Until now.
	Since, Until time.Time
	// Step is whole minutes, one when 0.
	Step time.Duration
	// Gateway is the only one that counts; all when empty.
	Gateway string
}

// Series is what happened over time.
type Series struct {
	Step   Duration `json:"step"`
	Points []Point  `json:"points"`
	// Total is all of it together.
	Total Traffic `json:"total"`
}

// Point is what happened in the step that begins At. Steps in which nothing happened are
// left out.
type Point struct {
	At time.Time `json:"at"`
	Traffic
}

// Series returns what happened over time.
func (c *Client) Series(ctx context.Context, query SeriesQuery) (*Series, error) {
	values := url.Values{}
	for name, value := range map[string]string{"since": timeText(query.Since), "until": timeText(query.Until), "gateway": query.Gateway} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if query.Step != 0 {
		values.Set("step", query.Step.String())
	}
	return ask[Series](ctx, c, "read series", call{path: "v1/series", query: values, repeatable: true})
}

// GatewaySettings is what a gateway is configured to do, without secrets.
type GatewaySettings struct {
	ID          string   `json:"id"`
	Preset      string   `json:"preset"`
	Provider    string   `json:"provider"`
	Method      string   `json:"method"`
	URL         string   `json:"url"`
	From        string   `json:"from"`
	Receipts    string   `json:"receipts"`
	ReceiptURL  string   `json:"receipt_url"`
	Timeout     string   `json:"timeout"`
	MaxInFlight int      `json:"max_in_flight"`
	RateLimit   string   `json:"rate_limit"`
	OnUnknown   string   `json:"on_unknown"`
	Routes      []string `json:"routes"`
	Docs        []string `json:"docs"`
}

// Gateway is a gateway as an operator sees it: what it is configured to do, and how it is.
type Gateway struct {
	GatewaySettings
	// State is ok, paused, open, half_open or degraded; Why says why it is not ok, and
	// NextStep what to do.
	State    string `json:"state"`
	Why      string `json:"why"`
	NextStep string `json:"next_step"`
	// Paused is nil while it is not.
	Paused *Pause `json:"paused"`
	// Nodes are how the nodes that are alive see it.
	Nodes []GatewayNode `json:"nodes"`
	// Weights are its parts of routes whose weights were changed.
	Weights []Weight `json:"weights"`
	// Hour and Day are what happened in the last hour and day.
	Hour Traffic `json:"hour"`
	Day  Traffic `json:"day"`
	// Countries and Faults are those of the last day, the most first.
	Countries []CountryShare `json:"countries"`
	Faults    []ClassCount   `json:"faults"`
}

// Pause is who paused a gateway, and why.
type Pause struct {
	Reason string    `json:"reason"`
	Who    string    `json:"who"`
	At     time.Time `json:"at"`
}

// GatewayNode is how a node sees a gateway.
type GatewayNode struct {
	Node string `json:"node"`
	// Breaker is closed, half_open or open; Class says why it is not closed.
	Breaker string        `json:"breaker"`
	Class   courier.Class `json:"class"`
	// InFlight counts the attempts under way.
	InFlight int `json:"in_flight"`
	// LearnedRate is how many messages a second the gateway takes, 0 when it does not
	// throttle; SentRate is how many it took from the node lately.
	LearnedRate float64 `json:"learned_rate"`
	SentRate    float64 `json:"sent_rate"`
	// Degraded says for which countries few of its messages are delivered, Slow why its
	// deliveries are slow.
	Degraded map[string]string `json:"degraded"`
	Slow     string            `json:"slow"`
}

// Weight is the percentage that a gateway has of what would be its part of a route.
type Weight struct {
	Route     string    `json:"route"`
	Gateway   string    `json:"gateway"`
	Weight    int       `json:"weight"`
	Reason    string    `json:"reason"`
	ChangedAt time.Time `json:"changed_at"`
}

// CountryShare is what became of the messages to a country that a gateway took.
type CountryShare struct {
	// Country is empty where it is not known.
	Country     string `json:"country"`
	Accepted    int64  `json:"accepted"`
	Delivered   int64  `json:"delivered"`
	Undelivered int64  `json:"undelivered"`
}

// ClassCount counts faults of a class.
type ClassCount struct {
	Class  courier.Class `json:"class"`
	Count  int64         `json:"count"`
	Advice string        `json:"advice"`
}

const pathGateways = "v1/gateways"

// Gateways returns the gateways in the order of the configuration.
func (c *Client) Gateways(ctx context.Context) ([]Gateway, error) {
	type gateways struct {
		Gateways []Gateway `json:"gateways"`
	}
	answer, err := ask[gateways](ctx, c, "list gateways", call{path: pathGateways, repeatable: true})
	if err != nil {
		return nil, err
	}
	return answer.Gateways, nil
}

// Gateway returns a gateway. An unknown one is courier.CodeNotFound.
func (c *Client) Gateway(ctx context.Context, id string) (*Gateway, error) {
	return ask[Gateway](ctx, c, "get gateway", call{path: pathGateways + "/" + url.PathEscape(id), repeatable: true})
}

// PauseGateway has a gateway take no messages, on all nodes, until ResumeGateway. The
// reason is mandatory.
func (c *Client) PauseGateway(ctx context.Context, id, why string) (*Gateway, error) {
	return ask[Gateway](ctx, c, "pause gateway", call{
		method: http.MethodPost, path: pathGateways + "/" + url.PathEscape(id) + "/pause", body: reason{why}, repeatable: true,
	})
}

// ResumeGateway has a gateway take messages again. The reason may be empty.
func (c *Client) ResumeGateway(ctx context.Context, id, why string) (*Gateway, error) {
	return ask[Gateway](ctx, c, "resume gateway", call{
		method: http.MethodPost, path: pathGateways + "/" + url.PathEscape(id) + "/resume", body: newReason(why), repeatable: true,
	})
}

// TestRequest is a message that shows whether a gateway works. Body and From may be empty.
type TestRequest struct {
	To   string `json:"to"`
	Body string `json:"body,omitempty"`
	From string `json:"from,omitempty"`
}

// TestGateway sends one real message through a gateway.
func (c *Client) TestGateway(ctx context.Context, id string, request TestRequest) (*Message, error) {
	return ask[Message](ctx, c, "test gateway", call{
		method: http.MethodPost, path: pathGateways + "/" + url.PathEscape(id) + "/test", body: request, want: http.StatusAccepted,
	})
}

// WeightChanges returns the last changes of weights, the newest first.
func (c *Client) WeightChanges(ctx context.Context) ([]Weight, error) {
	type weights struct {
		Weights []Weight `json:"weights"`
	}
	answer, err := ask[weights](ctx, c, "list weights", call{path: "v1/weights", repeatable: true})
	if err != nil {
		return nil, err
	}
	return answer.Weights, nil
}

// AuditQuery selects entries of the audit log. Empty fields do not restrict.
type AuditQuery struct {
	Action, Target string
	// PageSize is the most entries a page holds; the server's default when 0.
	PageSize  int
	PageToken string
}

// AuditPage is a part of the audit log, the newest entries first.
type AuditPage struct {
	Entries []AuditEntry `json:"entries"`
	// NextPageToken asks for the next page; empty after the last.
	NextPageToken string `json:"next_page_token,omitempty"`
}

// AuditEntry is who did what.
type AuditEntry struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Action string    `json:"action"`
	Target string    `json:"target,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

// Audit returns a page of the audit log.
func (c *Client) Audit(ctx context.Context, query AuditQuery) (*AuditPage, error) {
	values := url.Values{}
	for name, value := range map[string]string{"action": query.Action, "target": query.Target, "page_token": query.PageToken} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if query.PageSize != 0 {
		values.Set("page_size", strconv.Itoa(query.PageSize))
	}
	return ask[AuditPage](ctx, c, "read audit log", call{path: "v1/audit", query: values, repeatable: true})
}

// ActionKind is what is done to all messages of a filter.
type ActionKind string

// The kinds of actions.
const (
	ActionRetry   ActionKind = "retry"
	ActionCancel  ActionKind = "cancel"
	ActionResolve ActionKind = "resolve"
)

// ActionFilter selects messages. Empty fields do not restrict. Status is mandatory unless
// messages are resolved.
type ActionFilter struct {
	Status       courier.Status `json:"status,omitempty"`
	To           string         `json:"to,omitempty"`
	Gateway      string         `json:"gateway,omitempty"`
	TemplateType string         `json:"template_type,omitempty"`
	Country      string         `json:"country,omitempty"`
	Class        courier.Class  `json:"class,omitempty"`
	Since        time.Time      `json:"since,omitzero"`
	Until        time.Time      `json:"until,omitzero"`
}

// ActionRequest asks for something that is done to all messages of a filter.
type ActionRequest struct {
	Action ActionKind   `json:"action"`
	Filter ActionFilter `json:"filter"`
	// As is what became of messages that are resolved.
	As     Resolution `json:"as,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

// Action is how far an action is.
type Action struct {
	ID     courier.ID   `json:"id"`
	Action ActionKind   `json:"action"`
	As     Resolution   `json:"as,omitempty"`
	Filter ActionFilter `json:"filter"`
	Reason string       `json:"reason,omitempty"`
	Who    string       `json:"who"`
	At     time.Time    `json:"at"`
	// Status is running, done, stopped or failed; Error says why it failed.
	Status string `json:"status"`
	// Examined counts the messages that it came to, Changed those that it changed, and
	// Skipped those that it could not change.
	Examined  int64     `json:"examined"`
	Changed   int64     `json:"changed"`
	Skipped   int64     `json:"skipped"`
	Error     string    `json:"error,omitempty"`
	UpdatedAt time.Time `json:"updated_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// Count is how many messages an action would come to; More says that there are more.
type Count struct {
	Count int  `json:"count"`
	More  bool `json:"more"`
}

// CountMessages counts the messages that an action would come to, and changes nothing.
func (c *Client) CountMessages(ctx context.Context, request ActionRequest) (*Count, error) {
	return ask[Count](ctx, c, "count messages", call{method: http.MethodPost, path: pathMessages + "/actions/count", body: request, repeatable: true})
}

// StartAction starts something that is done to all messages of a filter, in the background.
func (c *Client) StartAction(ctx context.Context, request ActionRequest) (*Action, error) {
	return ask[Action](ctx, c, "start action", call{method: http.MethodPost, path: pathMessages + "/actions", body: request, want: http.StatusAccepted})
}

const pathActions = "v1/actions"

// Action returns how far an action is. An unknown one is courier.CodeNotFound.
func (c *Client) Action(ctx context.Context, id courier.ID) (*Action, error) {
	return ask[Action](ctx, c, "get action", call{path: pathActions + "/" + id.String(), repeatable: true})
}

// Actions returns the last actions, the newest first.
func (c *Client) Actions(ctx context.Context) ([]Action, error) {
	type actions struct {
		Actions []Action `json:"actions"`
	}
	answer, err := ask[actions](ctx, c, "list actions", call{path: pathActions, repeatable: true})
	if err != nil {
		return nil, err
	}
	return answer.Actions, nil
}

// StopAction ends an action. What it has changed stays as it is.
func (c *Client) StopAction(ctx context.Context, id courier.ID, why string) (*Action, error) {
	return ask[Action](ctx, c, "stop action", call{method: http.MethodPost, path: pathActions + "/" + id.String() + "/stop", body: newReason(why), repeatable: true})
}
