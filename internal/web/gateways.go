package web

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"courier"
	"courier/client"
	"courier/internal/httpapi"
)

func showGateways(v *visit) error {
	gateways, err := v.api.Gateways(v.R.Context())
	if err != nil {
		return fmt.Errorf("list gateways: %w", err)
	}
	rows := make([]gatewayRow, len(gateways))
	for i := range gateways {
		rows[i] = newGatewayRow(&gateways[i])
	}
	return v.show("gateways", frame{Title: "Gateways", Section: "Gateways", Live: true, Data: rows})
}

// gatewayView is what the page of a gateway shows.
type gatewayView struct {
	*client.Gateway
	Row    gatewayRow
	Facts  []fact
	Arrive []share
	// Countries have their share of what was delivered.
	Countries []countryRow
	Plots     []plot
	// MayAct is true for a visitor who may pause, resume and test, Note says what was just done.
	MayAct bool
	Note   string
}

// countryRow is what became of messages to a country.
type countryRow struct {
	client.CountryShare
	Delivered share
}

func showGateway(v *visit) error {
	ctx, id := v.R.Context(), v.R.PathValue("id")
	g, err := v.api.Gateway(ctx, id)
	if err != nil {
		return fmt.Errorf("show gateway: %w", err)
	}
	now := v.now()
	_, day := spans("day")
	from := day.from(now)
	series, err := v.api.Series(ctx, client.SeriesQuery{Since: from, Until: now, Step: day.Step, Gateway: g.ID})
	if err != nil {
		return fmt.Errorf("show gateway: %w", err)
	}
	view := gatewayView{
		Gateway: g, Row: newGatewayRow(g), Facts: settings(g), MayAct: v.May(httpapi.ScopeOperate),
		Arrive: []share{{g.Hour.Due, g.Hour.Timely}, {g.Day.Due, g.Day.Timely}},
		Plots:  plots(from, day, series.Points, nil),
		Note:   map[string]string{"pause": "The gateway is paused: it takes no messages.", "resume": "The gateway takes messages again."}[v.R.URL.Query().Get("done")],
	}
	for _, c := range g.Countries {
		view.Countries = append(view.Countries, countryRow{c, share{c.Delivered + c.Undelivered, c.Delivered}})
	}
	return v.show("gateway", frame{Title: "Gateway " + g.ID, Section: "Gateways", Live: true, Data: &view})
}

// settings are what a gateway is configured to do.
func settings(g *client.Gateway) (list []fact) {
	for _, one := range [][2]string{
		{"Provider", g.Provider},
		{"Preset", g.Preset},
		{"Request", g.Method + " " + g.URL},
		{"Sender", g.From},
		{"Receipts", g.Receipts},
		{"Address of receipts", g.ReceiptURL},
		{"Time-out", g.Timeout},
		{"In flight at most", strconv.Itoa(g.MaxInFlight)},
		{"Rate limit", g.RateLimit},
		{"Outcome unknown", g.OnUnknown},
		{"Routes", strings.Join(g.Routes, ", ")},
	} {
		if one[1] != "" {
			list = append(list, fact{one[0], outside(one[1])})
		}
	}
	return list
}

func changeGateway(v *visit) error {
	ctx, id, form := v.R.Context(), v.R.PathValue("id"), v.Form
	path, action := "/gateways/"+url.PathEscape(id), form.Get("action")
	var err error
	switch action {
	case "pause":
		_, err = v.api.PauseGateway(ctx, id, strings.TrimSpace(form.Get("reason")))
	case "resume":
		_, err = v.api.ResumeGateway(ctx, id, strings.TrimSpace(form.Get("reason")))
	case "test":
		var m *client.Message
		if m, err = v.api.TestGateway(ctx, id, client.TestRequest{To: strings.TrimSpace(form.Get("to")), Body: form.Get("body")}); err == nil {
			return v.redirect("/messages/" + m.ID.String())
		}
	default:
		err = refuse(courier.CodeInvalidRequest, "there is no such action")
	}
	if err != nil {
		return fmt.Errorf("change gateway: %w", err)
	}
	return v.redirect(address(path, url.Values{"done": {action}}))
}

// rate writes messages a second.
func rate(perSecond float64) string {
	if perSecond == 0 {
		return "–"
	}
	return strconv.FormatFloat(perSecond, 'f', 1, 64) + " a second"
}
