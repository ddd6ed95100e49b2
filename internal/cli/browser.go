package cli

import (
	"context"
	"os/exec"
	"runtime"
)

// openBrowser shows an address in the user's browser, by the program that the system has
// for it. It does not wait for the browser.
func openBrowser(ctx context.Context, address string) error {
	program, args := "xdg-open", []string{address}
	switch runtime.GOOS {
	case "darwin":
		program = "open"
	case "windows":
		program, args = "rundll32", []string{"url.dll,FileProtocolHandler", address}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, args...) //nolint:gosec // the address is that of the inbox
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release() // a browser may live longer than this program
}
