package cli

import (
	"testing"

	"go.uber.org/goleak"

	"courier/internal/jsonnet"
)

func TestMain(m *testing.M) {
	jsonnet.ServeIfChild()
	goleak.VerifyTestMain(m)
}
