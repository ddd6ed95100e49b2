package app

import (
	"io"
	"net"
	"testing"

	"courier/internal/config"
)

// TestGatewaySet_KeepsWarm dials the gateway before any message when the
// configuration asks for it, and not before the set is followed.
func TestGatewaySet_KeepsWarm(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	cfg := configured(t, templateFile(t, "function(ctx) ctx.body"))
	cfg.Dispatch.KeepWarm = true
	cfg.Gateways[0].URL = config.NewSecret("http://" + listener.Addr().String() + "/send")
	set, err := building(t, cfg, io.Discard).build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.close)
	set.follow(t.Context())
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
