package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"courier"
	"courier/internal/store"
)

func (a *API) getMessage(w http.ResponseWriter, r *http.Request, by caller) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	message, attempts, err := a.options.Store.Message(r.Context(), id)
	if err != nil {
		return err
	}
	return a.writeJSON(w, http.StatusOK, newMessageDetail(message, attempts, by))
}

func (a *API) cancelMessage(w http.ResponseWriter, r *http.Request, by caller) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	message, err := a.options.Store.Cancel(r.Context(), id, a.now())
	if err != nil {
		return err
	}
	return a.writeJSON(w, http.StatusOK, newMessage(message, by))
}

// pathID returns the id in the path. What is no id at all is the id of no message.
func pathID(r *http.Request) (courier.ID, error) {
	id, err := courier.ParseID(r.PathValue("id"))
	if err != nil {
		return courier.ID{}, fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	return id, nil
}

// writeJSON writes an answer as JSON. Texts keep their <, > and &: the answer is no HTML.
func (a *API) writeJSON(w http.ResponseWriter, status int, value any) error {
	buffer := a.takeBuffer()
	defer a.giveBuffer(buffer)
	if err := encodeJSON(buffer, value); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	writeContent(w, status, buffer.Bytes())
	return nil
}

func encodeJSON(buffer *bytes.Buffer, value any) error {
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
