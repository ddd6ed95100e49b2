package httpapi

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
)

// sealKey is the key of Seal where no API keys are configured: it ends with the process.
type sealKey [sha256.Size]byte

func newSealKey() (key sealKey) {
	_, _ = rand.Read(key[:]) // it never fails
	return key
}

// sealKey returns the key of Seal, the same on all nodes that have the same API keys.
func (a *API) sealKey() []byte {
	keys := *a.keys.Load()
	if len(keys) == 0 {
		return a.ownSealKey[:]
	}
	hashes := make([][]byte, len(keys))
	for i := range keys {
		hashes[i] = keys[i].Hash[:]
	}
	slices.SortFunc(hashes, bytes.Compare)
	sum := sha256.Sum256(bytes.Join(hashes, nil))
	return sum[:]
}

// Seal returns a text for the address of a page that stands for another, such as a number,
// which only a visitor of this courier can make out: addresses are in histories and logs of
// proxies. The same text has the same one while the API keys are the same.
func (v *Visit) Seal(text string) string {
	key := v.api.sealKey()
	sealer, nonce := sealer(key), mac(key, "nonce", text)[:nonceSize]
	return base64.RawURLEncoding.EncodeToString(sealer.Seal(nonce, nonce, []byte(text), nil))
}

// Unseal returns what Seal was given, false when the courier did not make it, or has had
// other API keys since, or without any was started anew.
func (v *Visit) Unseal(sealed string) (text string, ok bool) {
	content, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(content) < nonceSize {
		return "", false
	}
	opened, err := sealer(v.api.sealKey()).Open(nil, content[:nonceSize], content[nonceSize:], nil)
	return string(opened), err == nil
}

const nonceSize = 12

func sealer(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(mac(key, "seal", ""))
	if err != nil {
		panic(err) // the key has the right size
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the right block
	}
	return sealer
}

func mac(key []byte, purpose, text string) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(purpose + "\x00" + text))
	return sum.Sum(nil)
}
