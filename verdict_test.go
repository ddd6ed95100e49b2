package courier_test

import (
	"testing"

	"courier"
)

func TestClass_Verdict(t *testing.T) {
	t.Parallel()
	legal := map[courier.Outcome]courier.Scope{
		courier.OutcomeRejected: courier.ScopeMessage, courier.OutcomeGatewayDown: courier.ScopeGateway,
		courier.OutcomeRetry: courier.ScopeMoment, courier.OutcomeUnknown: courier.ScopeMoment,
		courier.OutcomeCanceled: courier.ScopeMessage,
	}
	seen := map[courier.Outcome]int{}
	for _, class := range courier.Classes() {
		outcome, scope := class.Verdict()
		if want, ok := legal[outcome]; !ok || scope != want {
			t.Errorf("%s is %s about %q", class, outcome, scope)
		}
		seen[outcome]++
	}
	if seen[courier.OutcomeRejected] != 9 || seen[courier.OutcomeGatewayDown] != 7 || seen[courier.OutcomeRetry] != 7 || seen[courier.OutcomeUnknown] != 1 || seen[courier.OutcomeCanceled] != 2 {
		t.Errorf("classes by outcome: %v", seen)
	}
	if outcome, scope := courier.Class("").Verdict(); outcome != courier.OutcomeAccepted || scope != "" {
		t.Errorf("no class is %s about %q", outcome, scope)
	}
}

func TestClass_OfMessage(t *testing.T) {
	t.Parallel()
	for _, class := range courier.Classes() {
		outcome, _ := class.Verdict()
		ofMessage, _ := class.OfMessage().Verdict()
		if class.OfMessage() != class && (outcome != courier.OutcomeGatewayDown || ofMessage != courier.OutcomeRejected) {
			t.Errorf("%s becomes %s", class, class.OfMessage())
		}
	}
}
