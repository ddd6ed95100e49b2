package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"courier"
	"courier/client"
)

// standIn is a server for the examples: it takes every message but those to "+1".
func standIn() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/messages":
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"id":"0190163d-8694-739b-aea5-966c26f8ad91","status":"queued","to":"+12065550199"}`)
		case "/v1/messages/batch":
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"results":[
				{"index":0,"id":"0190163d-8694-739b-aea5-966c26f8ad91","status":"queued","to":"+12065550199"},
				{"index":1,"error":{"code":"invalid_recipient","field":"to","detail":"is too short to be a number"}}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"code":"not_found","detail":"no message has this id"}`)
		}
	}))
}

func ExampleClient_Send() {
	server := standIn()
	defer server.Close()
	c, err := client.New(client.Options{BaseURL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	message, err := c.Send(context.Background(), client.SendRequest{
		To:             "+12065550199",
		Body:           "Your code is 123456",
		TTL:            5 * time.Minute,
		IdempotencyKey: "login-42",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(message.ID, message.Status)
	// Output: 0190163d-8694-739b-aea5-966c26f8ad91 queued
}

func ExampleClient_SendBatch() {
	server := standIn()
	defer server.Close()
	c, err := client.New(client.Options{BaseURL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	results, err := c.SendBatch(context.Background(), []client.SendRequest{
		{To: "+12065550199", Body: "Hello"},
		{To: "+1", Body: "Hello"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, result := range results {
		if err := result.Err(); err != nil {
			fmt.Println(courier.CodeOf(err), err)
			continue
		}
		fmt.Println(result.ID, result.Status)
	}
	// Output:
	// 0190163d-8694-739b-aea5-966c26f8ad91 queued
	// invalid_recipient to: is too short to be a number
}

func ExampleClient_Message() {
	server := standIn()
	defer server.Close()
	c, err := client.New(client.Options{BaseURL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.Message(context.Background(), courier.ID{})
	fmt.Println(courier.CodeOf(err))
	fmt.Println(err)
	// Output:
	// not_found
	// get message: no message has this id
}
