package gateway

import (
	"errors"
	"log/slog"
	"time"

	"courier"
	"courier/internal/signature"
)

// What a Receiver finds wrong with a request. Any other error is a fault of the
// template: the gateway should send the receipt again later.
var (
	// ErrUnauthentic means that the signature is missing, wrong or stale.
	ErrUnauthentic = errors.New("the receipt is not signed by the gateway")
	// ErrMalformed means that the request is not what its Content-Type says.
	ErrMalformed = errors.New("the receipt cannot be read")
)

// ReceiverOptions describe how a gateway reports what became of messages.
type ReceiverOptions struct {
	// Gateway is the name of the gateway that reports.
	Gateway string
	// Template makes receipts of a request, a function of req. No receipt is taken while
	// it holds nothing.
	Template *Template
	// Errors are the gateway's own codes and what they mean, req.errors in the template.
	Errors map[string]any
	// Verifiers must all find a request authentic.
	Verifiers []signature.Verifier
	// Params are the gateway's settings that are no secrets, req.params in the template.
	Params map[string]any
	// NowFunc is the clock, nil is time.Now.
	NowFunc func() time.Time
	// Logger is told once of each fault of the template, nil for nobody.
	Logger *slog.Logger
}

// Result is what came of a gateway's request.
type Result struct {
	Receipts []courier.Receipt
	// Reply is what to answer once the receipts are stored.
	Reply Reply
}

// Reply is the answer that a gateway wants for its receipts.
type Reply struct {
	// Status is 200 unless the template gives another.
	Status int
	// ContentType is empty for a Reply without a body.
	ContentType string
	Body        []byte
}
