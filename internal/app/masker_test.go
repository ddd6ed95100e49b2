package app_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"courier/internal/app"
	"courier/internal/config"
	"courier/internal/curl"
)

func TestMasker_HidesSecrets(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{Resolved: config.Resolved{Gateways: []config.Gateway{
		{Request: config.Request{
			URL:    config.NewSecret("https://me:url-password@h/x"),
			Auth:   config.Auth{Type: config.AuthBasic, User: config.NewSecret("me"), Password: config.NewSecret("basic pass/word")},
			Header: map[string]config.Secret{"x-api-key": config.NewSecret("header-secret"), "X-Shop": config.NewSecret("shop")},
		}},
		{
			Request:       config.Request{Auth: config.Auth{Type: config.AuthAPIKey, Name: "x-mine", Value: config.NewSecret("key value"), In: config.InHeader}},
			ReceiptSecret: config.NewSecret("receipt-secret"),
			Params: map[string]config.Param{
				"auth_token": {Text: config.NewSecret("token-secret")}, "pin": {Text: config.NewSecret("4711pin"), Referred: true}, "region": {Text: config.NewSecret("us")},
			},
		},
	}}}
	got := app.NewMasker(cfg).Mask(&curl.Request{ //nolint:gosec // the passwords open nothing
		Method: "POST",
		URL:    "https://me:other@h/basic%20pass%2Fword?api_key=1&page=2&flag&q=key+value",
		Header: http.Header{
			"Authorization": {"Basic bWU6eA==", "custom secret words"}, "Cookie": {"sid=secret; lang=en"},
			"X-Mine": {"key value"}, "X-Api-Key": {"header-secret"}, "X-Shop": {"shop header-secret"},
		},
		Body: "p=basic+pass%2Fword&q=url-password&me=me&to=https://h/receipts/a/receipt-secret&t=token-secret&pin=4711pin&r=us",
	})
	want := &curl.Request{
		Method: "POST",
		URL:    "https://***@h/***?api_key=***&page=2&flag&q=***",
		Header: http.Header{
			"Authorization": {"Basic ***", "***"}, "Cookie": {"sid=***; lang=***"},
			"X-Mine": {"***"}, "X-Api-Key": {"***"}, "X-Shop": {"***"},
		},
		Body: "p=***&q=***&me=me&to=https://h/receipts/a/***&t=***&pin=***&r=us",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("masked (-want +got):\n%s", diff)
	}
}
