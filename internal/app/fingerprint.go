package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"courier/internal/gateway"
)

// fingerprint changes with everything that decides whether a gateway takes messages, so
// that a reload keeps what was learnt of one that stays as it is. It is a hash, as what
// goes into it holds secrets. How hard the gateway may be driven is no part of it.
func fingerprint(options *gateway.Options, template []byte) (string, error) {
	content, err := json.Marshal(map[string]any{
		"name": options.Name, "url": options.URL, "method": options.Method, "header": options.Header,
		"auth": options.Auth, "kind": fmt.Sprintf("%T", options.Auth), "params": options.Params,
		"private": options.PrivateIPs, "template": template,
	})
	if err != nil {
		return "", fmt.Errorf("compute fingerprint: %w", err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}
