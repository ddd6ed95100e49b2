package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"courier"
	"courier/internal/store"
)

// Gateways tells what the gateways are configured to do.
type Gateways interface {
	// Gateways returns them in order, without secrets.
	Gateways() ([]GatewaySettings, error)
	// SetPaused tells the engine at once which gateways are to take no messages.
	SetPaused(gateways []string)
}

// GatewaySettings is what a gateway is configured to do, without secrets.
type GatewaySettings struct {
	ID          string   `json:"id" example:"twilio"`
	Preset      string   `json:"preset" doc:"The ready-made gateway that it is, or empty."`
	Provider    string   `json:"provider" example:"Twilio" doc:"The provider's name, or empty."`
	Method      string   `json:"method" example:"POST"`
	URL         string   `json:"url" doc:"Where requests go, secrets masked."`
	From        string   `json:"from" doc:"The sender of messages that have none."`
	Receipts    string   `json:"receipts" doc:"Whether receipts come, and how."`
	ReceiptURL  string   `json:"receipt_url" doc:"Where receipts are to come to, its secret masked; empty for none."`
	Timeout     string   `json:"timeout" example:"10s" doc:"How long an attempt may take."`
	MaxInFlight int      `json:"max_in_flight" doc:"The most attempts at one time."`
	RateLimit   string   `json:"rate_limit" example:"10 in 1s" doc:"The most messages in a time, of all nodes; empty for no limit."`
	OnUnknown   string   `json:"on_unknown" example:"resend" doc:"What becomes of a message whose outcome is unknown."`
	Routes      []string `json:"routes" nullable:"false" doc:"The routes that lead through it."`
	Docs        []string `json:"docs" nullable:"false" doc:"Where the provider documents its API."`
}

// gatewayView is a gateway as an operator sees it.
type gatewayView struct {
	GatewaySettings
	State     string              `json:"state" enum:"ok,paused,open,half_open,degraded" doc:"open and half_open are those of the breaker on the node that is worst off."`
	Why       string              `json:"why" doc:"Why it is not ok, or empty."`
	NextStep  string              `json:"next_step" doc:"What to do, or empty."`
	Paused    maybe[gatewayPause] `json:"paused" doc:"Who paused it and why; null while it is not."`
	Nodes     []gatewayNode       `json:"nodes" nullable:"false" doc:"How each node that is alive sees it, about a second ago."`
	Weights   []gatewayWeight     `json:"weights" nullable:"false" doc:"Its part in routes whose weights were changed."`
	Hour      Traffic             `json:"hour" doc:"What happened in the last hour."`
	Day       Traffic             `json:"day" doc:"What happened in the last day."`
	Countries []countryShare      `json:"countries" nullable:"false" doc:"What became of the messages that it took in the last day, the most first."`
	Faults    []classCount        `json:"faults" nullable:"false" doc:"Failed attempts and bad receipts of the last day by class, the most first."`
}

type gatewayPause struct {
	Reason string `json:"reason"`
	Who    string `json:"who"`
	At     moment `json:"at"`
}

type gatewayNode struct {
	Node        string            `json:"node"`
	Breaker     string            `json:"breaker" enum:"closed,half_open,open"`
	Class       string            `json:"class" doc:"Why the breaker is not closed, or empty."`
	InFlight    int               `json:"in_flight" doc:"Attempts under way."`
	LearnedRate float64           `json:"learned_rate" doc:"Messages a second that the gateway takes, as learned from its throttling; 0 when it does not throttle."`
	SentRate    float64           `json:"sent_rate" doc:"Messages a second that it took from the node in the last two seconds."`
	Degraded    map[string]string `json:"degraded" nullable:"false" doc:"For which countries few of its messages are delivered, and why that is thought."`
	Slow        string            `json:"slow" doc:"Why its deliveries are slow, or empty."`
}

type gatewayWeight struct {
	Route     string `json:"route"`
	Gateway   string `json:"gateway"`
	Weight    int    `json:"weight" doc:"Percentage of what would be its part."`
	Reason    string `json:"reason"`
	ChangedAt moment `json:"changed_at"`
}

type countryShare struct {
	Country     string `json:"country" example:"DE" doc:"Empty where it is not known."`
	Accepted    int64  `json:"accepted" doc:"Messages that the gateway took."`
	Delivered   int64  `json:"delivered"`
	Undelivered int64  `json:"undelivered"`
}

type classCount struct {
	Class  string `json:"class" example:"throttled"`
	Count  int64  `json:"count"`
	Advice string `json:"advice" doc:"What the class means for any gateway, and the next step."`
}

type gatewayList struct {
	Gateways []gatewayView `json:"gateways" nullable:"false" doc:"In the order of the configuration."`
}

type weightList struct {
	Weights []gatewayWeight `json:"weights" nullable:"false" doc:"The newest change first."`
}

// known is what is known of all gateways.
type known struct {
	pauses  []store.Pause
	states  map[string][]gatewayNode
	weights []store.Weight
	dayOf
}

// dayOf is what happened in the last day.
type dayOf struct {
	points  []store.Point
	tallies []store.Tally
	faults  []store.Fault
}

// dayFor is for how long that is remembered.
const dayFor = 3 * time.Second

func (a *API) readKnown(ctx context.Context) (k known, err error) {
	s := a.options.Store
	read := func(what func() error) {
		if err == nil {
			err = what()
		}
	}
	read(func() (err error) { k.pauses, err = s.Pauses(ctx); return err })
	read(func() error {
		nodes, err := s.Nodes(ctx)
		k.states = statesOf(nodes)
		return err
	})
	read(func() (err error) { k.weights, err = s.Weights(ctx); return err })
	read(func() (err error) {
		k.dayOf, err = a.lastDay.get(ctx, struct{}{}, dayFor, func() (dayOf, error) { return a.readDay(ctx) })
		return err
	})
	return k, err
}

func (a *API) readDay(ctx context.Context) (d dayOf, err error) {
	s, now := a.options.Store, a.now()
	since := now.Add(-24 * time.Hour)
	if d.points, err = s.Series(ctx, since, now.Add(time.Minute)); err == nil {
		d.tallies, err = s.CountryTallies(ctx, since)
	}
	if err == nil {
		d.faults, err = s.Faults(ctx, since)
	}
	return d, err
}

// gateways returns the gateways that a condition holds for as operators see them.
func (a *API) gateways(ctx context.Context, condition func(id string) bool) ([]gatewayView, error) {
	if a.options.Gateways == nil {
		return []gatewayView{}, nil
	}
	settings, err := a.options.Gateways.Gateways()
	if err != nil {
		return nil, err
	}
	k, err := a.readKnown(ctx)
	if err != nil {
		return nil, err
	}
	views := []gatewayView{}
	for i := range settings {
		if condition(settings[i].ID) {
			views = append(views, k.view(&settings[i], a.now()))
		}
	}
	return views, nil
}

func (k *known) view(settings *GatewaySettings, now time.Time) gatewayView {
	id := settings.ID
	v := gatewayView{GatewaySettings: *settings, State: "ok", Nodes: append([]gatewayNode{}, k.states[id]...), Weights: []gatewayWeight{}, Countries: []countryShare{}, Faults: []classCount{}}
	v.Routes, v.Docs = append([]string{}, v.Routes...), append([]string{}, v.Docs...)
	for _, p := range k.pauses {
		if p.Gateway == id {
			v.Paused.Value = &gatewayPause{p.Reason, p.Who, moment(p.At)}
		}
	}
	for _, w := range k.weights {
		if w.Gateway == id {
			v.Weights = append(v.Weights, newWeight(&w))
		}
	}
	var hour, day store.Traffic
	for i := range k.points {
		if p := &k.points[i]; p.Gateway == id {
			if day.Add(&p.Traffic); p.At.After(now.Add(-time.Hour)) {
				hour.Add(&p.Traffic)
			}
		}
	}
	v.Hour, v.Day = newTraffic(&hour), newTraffic(&day)
	v.Countries = append(v.Countries, k.countries(id)...)
	v.Faults = append(v.Faults, k.classes(id)...)
	v.judge()
	return v
}

// statesOf returns how each node that is alive sees the gateways, by these.
func statesOf(nodes []store.Node) map[string][]gatewayNode {
	states := map[string][]gatewayNode{}
	for i := range nodes {
		var said []struct {
			gatewayNode
			Gateway string `json:"gateway"`
		}
		if !nodes[i].Alive || json.Unmarshal([]byte(nodes[i].State), &said) != nil {
			continue
		}
		for _, s := range said {
			if s.Node = nodes[i].Name; s.Degraded == nil {
				s.Degraded = map[string]string{}
			}
			states[s.Gateway] = append(states[s.Gateway], s.gatewayNode)
		}
	}
	return states
}

func newWeight(w *store.Weight) gatewayWeight {
	return gatewayWeight{w.Route, w.Gateway, w.Weight, w.Reason, moment(w.ChangedAt)}
}

func (k *known) countries(gateway string) []countryShare {
	var list []countryShare
	for _, t := range k.tallies {
		if t.Gateway == gateway {
			list = append(list, countryShare{t.Country, t.Accepted, t.Delivered, t.Undelivered})
		}
	}
	slices.SortFunc(list, func(a, b countryShare) int {
		return cmp.Or(cmp.Compare(b.Accepted, a.Accepted), cmp.Compare(a.Country, b.Country))
	})
	return list
}

func (k *known) classes(gateway string) []classCount {
	sums := map[courier.Class]int64{}
	for _, f := range k.faults {
		if f.Gateway == gateway {
			sums[f.Class] += f.Count
		}
	}
	var list []classCount
	for class, count := range sums {
		list = append(list, classCount{string(class), count, class.Explain().String()})
	}
	slices.SortFunc(list, func(a, b classCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Class, b.Class))
	})
	return list
}

// judge says how the gateway is, by the node that is worst off.
func (v *gatewayView) judge() {
	for _, n := range v.Nodes {
		switch class := courier.Class(n.Class).Explain(); {
		case n.Breaker == "open", n.Breaker == "half_open" && v.State != "open":
			v.State, v.Why, v.NextStep = n.Breaker, class.Meaning, class.Next
		case v.State == "ok" && (len(n.Degraded) > 0 || n.Slow != ""):
			why := slices.Sorted(maps.Values(n.Degraded))
			if n.Slow != "" {
				why = append(why, n.Slow)
			}
			v.State, v.Why = "degraded", strings.Join(why, "; ")
			v.NextStep = "Check the provider's status page, and that its receipts come in. routes[].demote moves traffic away by itself."
		}
	}
	if v.Paused.Value != nil {
		v.State, v.Why, v.NextStep = "paused", v.Paused.Value.Reason, "Resume it when that is over: nothing goes through it until then."
	}
}

func (a *API) listGateways(c *call) (any, error) {
	views, err := a.gateways(c.r.Context(), func(string) bool { return true })
	return gatewayList{views}, err
}

// byGateway serves a gateway by the id in the path.
func (a *API) byGateway(serve func(c *call, id string) (any, error)) handler {
	return func(c *call) (any, error) {
		id := c.r.PathValue("id")
		has, err := a.hasGateway(id)
		if err != nil {
			return nil, err
		}
		if !has {
			return nil, &courier.Error{Code: courier.CodeNotFound, Message: "no gateway has this id; GET /v1/gateways lists them"}
		}
		return serve(c, id)
	}
}

// hasGateway reports whether the configuration has a gateway.
func (a *API) hasGateway(id string) (bool, error) {
	if a.options.Gateways == nil {
		return false, nil
	}
	settings, err := a.options.Gateways.Gateways()
	return slices.ContainsFunc(settings, func(g GatewaySettings) bool { return g.ID == id }), err
}

func (a *API) getGateway(c *call, id string) (any, error) {
	views, err := a.gateways(c.r.Context(), func(other string) bool { return other == id })
	if err != nil {
		return nil, err
	}
	if len(views) == 0 {
		return nil, errors.New("the gateway went away while it was asked for")
	}
	return views[0], nil
}

// pauseRequest says why a gateway is to take no messages.
type pauseRequest struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, for those who see it paused."`
}

func (a *API) pauseGateway(c *call, id string) (any, error) {
	var request pauseRequest
	if err := decodeBody(c, a.options.MaxBodySize, &request); err != nil {
		return nil, err
	}
	reason := ReasonRequest(request)
	if err := reason.check(); err != nil {
		return nil, err
	}
	if strings.TrimSpace(request.Reason) == "" {
		return nil, invalid("reason", "say why the gateway is to take no messages, for those who see it paused")
	}
	err := a.options.Store.Pause(c.r.Context(), store.Pause{Gateway: id, Reason: request.Reason, Who: who(c.by), At: a.now()})
	if err != nil {
		return nil, err
	}
	return a.afterPause(c, id, store.Entry{Action: auditPause, Target: id, Reason: request.Reason})
}

func (a *API) resumeGateway(c *call, id string) (any, error) {
	request, err := a.readReason(c)
	if err != nil {
		return nil, err
	}
	was, err := a.options.Store.Resume(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	if !was {
		return a.getGateway(c, id)
	}
	return a.afterPause(c, id, store.Entry{Action: auditResume, Target: id, Reason: request.Reason})
}

// afterPause tells the engine and the audit log of a change of pauses.
func (a *API) afterPause(c *call, id string, entry store.Entry) (any, error) {
	a.audit(c.r.Context(), c.by, entry)
	pauses, err := a.options.Store.Pauses(c.r.Context())
	if err != nil {
		return nil, err
	}
	names := make([]string, len(pauses))
	for i, p := range pauses {
		names[i] = p.Gateway
	}
	a.options.Gateways.SetPaused(names)
	return a.getGateway(c, id)
}

// readReason reads the body of a request that may say why, and may have none.
func (a *API) readReason(c *call) (request ReasonRequest, err error) {
	if c.r.ContentLength != 0 {
		err = decodeBody(c, a.options.MaxBodySize, &request)
	}
	return request, cmp.Or(err, request.check())
}

// testRequest is a message that shows whether a gateway works.
type testRequest struct {
	To   string `json:"to" minLength:"1" maxLength:"128" example:"+12065550199" doc:"A phone of your own."`
	Body string `json:"body,omitempty" doc:"The text; one with the time when absent."`
	From string `json:"from,omitempty" doc:"The sender; the gateway's when absent."`
}

// testFor is how long a test message has until it expires.
const testFor = 10 * time.Minute

func (a *API) testGateway(c *call, id string) (any, error) {
	var request testRequest
	if err := decodeBody(c, a.options.MaxBodySize, &request); err != nil {
		return nil, err
	}
	none := ""
	body := cmp.Or(request.Body, fmt.Sprintf("Test of the gateway %s at %s UTC", id, a.now().Format(time.TimeOnly)))
	part := batchPart{}
	part.request.MessageRequest = MessageRequest{
		To: request.To, Body: body, From: request.From, Gateway: id, SupersedeKey: &none, RetryRequest: RetryRequest{TTL: testFor.String()},
	}
	results, err := a.take(c, []batchPart{part})
	if err != nil {
		return nil, err
	}
	if err := results[0].Err; err != nil {
		return nil, FaultOf(err)
	}
	m := results[0].Message
	a.audit(c.r.Context(), c.by, store.Entry{Action: auditTest, Target: id, Detail: "message " + m.ID.String()})
	return newAccepted(m, false), nil
}

// maxWeights is how many changes of weights are listed.
const maxWeights = 200

// listWeights lists the last changes of weights.
func (a *API) listWeights(c *call) (any, error) {
	latest, err := a.options.Store.Weights(c.r.Context())
	if err != nil {
		return nil, err
	}
	var changes []store.Weight
	for i, w := range latest {
		if i > 0 && latest[i-1].Route == w.Route {
			continue
		}
		history, err := a.options.Store.WeightHistory(c.r.Context(), w.Route, maxWeights)
		if err != nil {
			return nil, err
		}
		changes = append(changes, history...)
	}
	slices.SortStableFunc(changes, func(a, b store.Weight) int { return b.ChangedAt.Compare(a.ChangedAt) })
	list := weightList{[]gatewayWeight{}}
	for _, w := range changes[:min(maxWeights, len(changes))] {
		list.Weights = append(list.Weights, newWeight(&w))
	}
	return list, nil
}

// gatewayEndpoints are those of the gateways.
func (a *API) gatewayEndpoints() []endpoint {
	missing := []courier.ErrorCode{courier.CodeNotFound, courier.CodeStoreUnavailable}
	refused := slices.Concat([]courier.ErrorCode{courier.CodeNotFound}, bodyCodes(), storeCodes())
	id := namedParam("The id of a gateway.")
	const path = "/v1/gateways"
	return []endpoint{
		{
			method: http.MethodGet, path: path, id: "list-gateways", tag: tagOperator, summary: "List the gateways",
			description: "What each gateway is configured to do and how it is, without secrets.",
			scope:       ScopeRead, handle: a.listGateways, gives: gatewayList{}, codes: []courier.ErrorCode{courier.CodeStoreUnavailable},
		},
		{
			method: http.MethodGet, path: path + "/{id}", id: "get-gateway", tag: tagOperator, summary: "Show a gateway",
			scope: ScopeRead, handle: a.byGateway(a.getGateway), parameters: id, gives: gatewayView{}, codes: missing,
		},
		{
			method: http.MethodPost, path: path + "/{id}/pause", id: "pause-gateway", tag: tagOperator, summary: "Pause a gateway",
			description: "It takes no messages until it is resumed, on all nodes within a second, also after a restart. What waits for it goes to the next gateway of its route, or waits; attempts under way finish.",
			scope:       ScopeOperate, handle: a.byGateway(a.pauseGateway), parameters: id, takes: pauseRequest{}, gives: gatewayView{}, codes: refused,
		},
		{
			method: http.MethodPost, path: path + "/{id}/resume", id: "resume-gateway", tag: tagOperator, summary: "Resume a gateway",
			description: "Resuming one that is not paused is no error.",
			scope:       ScopeOperate, handle: a.byGateway(a.resumeGateway), parameters: id, takes: ReasonRequest{}, bodyOptional: true, gives: gatewayView{}, codes: refused,
		},
		{
			method: http.MethodPost, path: path + "/{id}/test", id: "test-gateway", tag: tagOperator, summary: "Send a test message through a gateway",
			description: "Sends one real message through the gateway, whatever the routes say. It expires after ten minutes.",
			scope:       ScopeOperate, handle: a.byGateway(a.testGateway), parameters: id, takes: testRequest{}, gives: accepted{}, status: http.StatusAccepted,
			codes: append([]courier.ErrorCode{courier.CodeInvalidRecipient, courier.CodeInvalidSender, courier.CodeMessageTooLong}, refused...),
		},
		{
			method: http.MethodGet, path: "/v1/weights", id: "list-weights", tag: tagOperator, summary: "List changes of weights",
			description: "The last changes of the weights of gateways in routes, each with its reason.",
			scope:       ScopeRead, handle: a.listWeights, gives: weightList{}, codes: []courier.ErrorCode{courier.CodeStoreUnavailable},
		},
	}
}
