package courier

import (
	"fmt"
	"time"
)

// LimitBy says whose messages a limit counts.
type LimitBy string

// What limits count by.
const (
	LimitByRecipient LimitBy = "recipient"
	// LimitByKey counts the messages of an API key, LimitByHook those of a hook.
	LimitByKey  LimitBy = "key"
	LimitByHook LimitBy = "hook"
)

// LimitsBy returns all that limits count by.
func LimitsBy() []LimitBy { return []LimitBy{LimitByRecipient, LimitByKey, LimitByHook} }

// Limit is how many messages of one subject are taken in any span of time.
type Limit struct {
	By LimitBy
	// Subject is a digest of who it is and of the lanes that count. Limits of the same
	// subject count the same messages.
	Subject [16]byte
	Count   int
	Per     time.Duration
}

// LimitError reports a message that was not taken, as as many were taken as a limit allows.
type LimitError struct {
	By    LimitBy
	Count int
	Per   time.Duration
	// RetryAfter is when there is room again, if nobody else takes it.
	RetryAfter time.Duration
}

// Code returns the code of the refusal.
func (e *LimitError) Code() ErrorCode {
	if e.By == LimitByRecipient {
		return CodeRecipientLimited
	}
	return CodeCallerLimited
}

// Error implements error. It names nobody.
func (e *LimitError) Error() string {
	who := map[LimitBy]string{LimitByRecipient: "this recipient", LimitByKey: "this API key", LimitByHook: "this hook"}[e.By]
	return fmt.Sprintf("%s has had the %d messages in %s that limits allows; send again in %s", who, e.Count, e.Per, e.RetryAfter)
}
