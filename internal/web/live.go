package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"courier"
	"courier/internal/httpapi"
)

const pathEvents = "/events"

// serveLive sends a page again whenever it has changed, as a stream of server-sent events
// ("page" with the part of it that may change, as a JSON string; "gone" when the page can
// no longer be seen).
func (p *Pages) serveLive(seen *httpapi.Visit) error {
	of := seen.R.URL.Query().Get("of")
	if !strings.HasPrefix(of, "/") || strings.HasPrefix(of, pathEvents) {
		return &courier.Error{Code: courier.CodeInvalidRequest, Field: "query.of", Message: "it must be the path of a page"}
	}
	select {
	case p.viewers <- struct{}{}:
		defer func() { <-p.viewers }()
	default:
		return &courier.Error{Code: courier.CodeStoreUnavailable, Message: "too many pages are kept live; this one is as it was when it was loaded"}
	}
	control := http.NewResponseController(seen.W)
	seen.W.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(p.options.LiveEvery)
	defer tick.Stop()
	var last []byte
	for {
		kind, content := p.look(seen, of)
		if kind == "page" && bytes.Equal(content, last) {
			kind, content = "same", nil
		}
		if kind == "page" {
			last = content
		}
		data, _ := json.Marshal(string(content)) // a text can be encoded
		if err := control.SetWriteDeadline(time.Now().Add(p.options.LiveEvery + readWithin)); err != nil {
			return &courier.Error{Code: courier.CodeInternal, Message: "this listener cannot keep a page live", Err: err}
		}
		_, err := seen.W.Write([]byte("event: " + kind + "\ndata: " + string(data) + "\n\n"))
		if err != nil || control.Flush() != nil || kind == "gone" {
			return nil
		}
		select {
		case <-tick.C:
		case <-seen.Ending():
			return nil
		case <-seen.R.Context().Done():
			return nil
		}
	}
}

const (
	// lookTimeout bounds how long a page may take that is only watched.
	lookTimeout = 5 * time.Second
	// readWithin bounds for how long a visitor may read nothing, who would take the place of
	// another without end. It is renewed before each event.
	readWithin = 30 * time.Second
)

// look returns the event that says what a page is now.
func (p *Pages) look(seen *httpapi.Visit, of string) (kind string, content []byte) {
	ctx, cancel := context.WithTimeout(seen.R.Context(), lookTimeout)
	defer cancel()
	status, content, err := seen.Again(ctx, of)
	switch {
	case err == nil && status == http.StatusOK:
		return "page", content
	case err == nil && status >= http.StatusInternalServerError:
		return "away", nil
	}
	return "gone", nil
}
