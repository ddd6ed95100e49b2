package signature_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"courier/internal/signature"
)

// request is one that came to a public address.
func request(method, address, kind, body string, headers ...string) *signature.Request {
	r := httptest.NewRequestWithContext(context.Background(), method, address, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	maps.Copy(r.Header, headerOf(headers))
	parsed, _ := url.Parse(address)
	r.RequestURI = parsed.RequestURI()
	return signature.NewRequest(r, parsed.Scheme+"://"+parsed.Host, []byte(body))
}

const (
	form       = "application/x-www-form-urlencoded"
	jsonType   = "application/json"
	twilioURL  = "https://mycompany.com/myapp.php?foo=1&bar=2"
	twilioForm = "Digits=1234&CallSid=CA1234567890ABCDE&To=%2B18005551212&Caller=%2B14158675309&From=%2B14158675309&ReasonConferenceEnded=test&Reason=Participant"
	twilioHash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
	twilioJSON = `{"property": "value", "boolean": true}`
	plivoURL   = "https://plivobin.non-prod.plivops.com/api/v1/validate_signature03.xml"
	plivoToken = "Y2Q2ZDgxZmY5YWRiOTI5YmQ1Njg0MTAxZWIyOTc4" //nolint:gosec // of a published vector
	plivoNonce = "31627761595286130198"
	vonageText = "message-timestamp=2013-11-21+15%3A27%3A30&messageId=020000001B0FE827&msisdn=14843472194&text=Test+again&timestamp=1385047698&to=13239877404&type=text&sig="
	sinchBody  = `{"app_id":"","accepted_time":"2021-10-18T17:49:13.813615Z","project_id":"e2df3a34-a71b-4448-9db5-a8d2baad28e4","contact_create_notification":{"contact":{"id":"01FJA8B466Y0R2GNXD78MD9SM1","channel_identities":[{"channel":"SMS","identity":"48123456789","app_id":""}],"display_name":"New Test Contact","email":"new.contact@email.com","external_id":"","metadata":"","language":"EN_US"}},"message_metadata":""}`
	gatewayAPI = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpZCI6MjM4MTcwMywibXNpc2RuIjo0NTQyNjA5MDQ1LCJ0aW1lIjoxNTIyNzY0MDYyLCJzdGF0dXMiOiJERUxJVkVSRUQiLCJlcnJvciI6bnVsbCwiY29kZSI6bnVsbCwidXNlcnJlZiI6bnVsbCwiY2FsbGJhY2tfdXJsIjoiaHR0cDovL2JiYWY3MTQyLm5ncm9rLmlvIiwiYXBpIjo0fQ.KdfDH65bnQtgxEkFnpAQodOciAJedZFB13r9wEo8t3Y"
	supabase   = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
)

func plivoForm() string {
	return url.Values{
		"Direction": {"outbound"}, "From": {"19792014278"}, "ALegUUID": {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"CallStatus": {"in-progress"}, "BillRate": {"0.002"}, "ParentAuthID": {"MANWVLYTK4ZWU1YTY4QA"},
		"To":              {"sip:PlivoSignature382029104058171078704104@phone-qa.voice.plivodev.com"},
		"ALegRequestUUID": {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"}, "CallUUID": {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"RequestUUID":  {"3e82ae9d-2c78-4d85-b1a4-6eae7dbafb36"},
		"SIP-H-To":     {"<sip:PlivoSignature382029104058171078704104@52.9.11.55;transport=udp>;tag=1"},
		"SessionStart": {"2020-04-08 11:34:33.238707"}, "Event": {"StartApp"},
	}.Encode()
}

func plivoV2(header string) *signature.Request {
	r := request("POST", "https://answer.url", form, "Status=delivered", "X-Plivo-Signature-V2-Nonce", "12345", header, "ehV3IKhLysWBxC1sy8INm0qGoQYdYsHwuoKjsX7FsXc=")
	r.URL = "https://answer.url" // as it is in the vector, without a path
	return r
}

func settings(pairs ...string) map[string]string {
	all := map[string]string{}
	for pair := range slices.Chunk(pairs, 2) {
		all[pair[0]] = pair[1]
	}
	return all
}

func headerOf(pairs []string) http.Header {
	header := http.Header{}
	for name, value := range settings(pairs...) {
		header.Set(name, value)
	}
	return header
}

func sinch(secret string) map[string]string {
	return settings("secret", secret, "encoding", "base64", "header", "X-Sinch-Webhook-Signature",
		"timestamp_header", "X-Sinch-Webhook-Signature-Timestamp", "nonce_header", "X-Sinch-Webhook-Signature-Nonce",
		"message", "{body}.{nonce}.{timestamp}")
}

func seven(secret string) map[string]string {
	return settings("secret", secret, "header", "X-Signature", "timestamp_header", "X-Timestamp", "nonce_header", "X-Nonce",
		"message", `{timestamp}\n{nonce}\n{method}\n{url}\n{md5_body}`)
}

func zitadel(secret string) map[string]string {
	return settings("secret", secret, "header", "ZITADEL-Signature", "element", "v1", "timestamp_element", "t",
		"message", "{timestamp}.{body}")
}

func messageBird(secret string) map[string]string {
	return settings("secret", secret, "header", "MessageBird-Signature-JWT", "algorithms", "HS256 HS384 HS512",
		"issuer", "MessageBird", "require", "nbf exp jti", "url_hash", "url_hash", "payload_hash", "payload_hash")
}

type vector struct {
	name, kind string
	settings   map[string]string
	request    *signature.Request
	now        int64
	want       error
}

// vectors are what providers publish of their own signatures.
func vectors() []vector {
	twilio, sms := settings("secret", "12345"), int64(1385047698)
	vonage := func(method string) map[string]string {
		return settings("secret", "my_secret_key_for_testing", "method", method)
	}
	sinchHeaders := []string{
		"X-Sinch-Webhook-Signature", "6bpJoRmFoXVjfJIVglMoJzYXxnoxRujzR4k2GOXewOE=",
		"X-Sinch-Webhook-Signature-Nonce", "01FJA8B4A7BM43YGWSG9GBV067", "X-Sinch-Webhook-Signature-Timestamp", "1634579353",
	}
	sevenBody := `{"data":{"msg_id":"77","status":"DELIVERED"},"webhook_event":"dlr"}`
	sevenHeaders := []string{"X-Timestamp", "1767366245", "X-Nonce", "f2b1c0d4", "X-Signature", "E161c83437fec1bc178522ce27d5474b9fcde01b64401bb8e0b881818d154e38"}
	standard := []string{"webhook-id", "msg_1", "webhook-timestamp", "1767366245", "webhook-signature"}
	return []vector{
		// twilio/twilio-go client/request_validator_test.go
		{"TwilioForm", "twilio", twilio, request("POST", twilioURL, form, twilioForm, "X-Twilio-Signature", "vOEb5UThFn24KEfnOFLQY2AE5FY="), 0, nil},
		{"TwilioOtherPort", "twilio", twilio, request("POST", "https://mycompany.com:1234/myapp.php?foo=1&bar=2", form, twilioForm, "X-Twilio-Signature", "vOEb5UThFn24KEfnOFLQY2AE5FY="), 0, nil},
		{"TwilioPlain", "twilio", twilio, request("POST", "http://mycompany.com/myapp.php?foo=1&bar=2", form, twilioForm, "X-Twilio-Signature", "n2xBNyzSW7rfYStDtOFiFMv7qNo="), 0, nil},
		{"TwilioUnsorted", "twilio", twilio, request("POST", twilioURL, form, twilioForm, "X-Twilio-Signature", "95+Bu0JVPi0r/SsESZCVf0dWAjw="), 0, signature.ErrMismatch},
		{"TwilioJSON", "twilio", twilio, request("POST", twilioURL+"&bodySHA256="+twilioHash, jsonType, twilioJSON, "X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4="), 0, nil},
		{"TwilioJSONOnly", "twilio", twilio, request("POST", "https://mycompany.com/myapp.php?bodySHA256="+twilioHash, jsonType, twilioJSON, "X-Twilio-Signature", "y77kIzt2vzLz71DgmJGsen2scGs="), 0, nil},
		{"TwilioOtherJSON", "twilio", twilio, request("POST", twilioURL+"&bodySHA256="+twilioHash, jsonType, `{}`, "X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4="), 0, signature.ErrMismatch},
		{"TwilioSmallForm", "twilio", twilio, request("POST", twilioURL, form, "property=value&boolean=true", "X-Twilio-Signature", "NBdBDr/T/lgjI+tlgpXjKZQZs/k="), 0, nil},
		{"TwilioJSONUncovered", "twilio", twilio, request("POST", twilioURL, jsonType, twilioJSON, "X-Twilio-Signature", "vOEb5UThFn24KEfnOFLQY2AE5FY="), 0, signature.ErrMismatch},
		{"TwilioRotated", "twilio", settings("secret", "new\n12345\n"), request("POST", twilioURL, form, twilioForm, "X-Twilio-Signature", "vOEb5UThFn24KEfnOFLQY2AE5FY="), 0, nil},
		// Vonage/vonage-node-sdk packages/sms/__tests__/__dataSets__/signature.ts
		{"VonageMD5", "vonage_sig", vonage(""), request("POST", "https://a.example/r", form, vonageText+"d2e7b1dc968737c5998ad624e02f90b7"), sms, nil},
		{"VonageGET", "vonage_sig", vonage("md5hash"), request("GET", "https://a.example/r?"+vonageText+"d2e7b1dc968737c5998ad624e02f90b7", "", ""), sms, nil},
		{"VonageJSON", "vonage_sig", vonage("md5hash"), request("POST", "https://a.example/r", jsonType, `{"message-timestamp":"2013-11-21 15:27:30","messageId":"020000001B0FE827","msisdn":"14843472194","text":"Test again","timestamp":1385047698,"to":"13239877404","type":"text","sig":"d2e7b1dc968737c5998ad624e02f90b7"}`), sms, nil},
		{"VonageMD5HMAC", "vonage_sig", vonage("md5hmac"), request("POST", "https://a.example/r", form, vonageText+"DDEBD46008C2D4E93CCE578A332A52D5"), sms, nil},
		{"VonageSHA1", "vonage_sig", vonage("sha1hmac"), request("POST", "https://a.example/r", form, vonageText+"27D0D05C2876C7CB1720DBCDBA4D492E1E55C09A"), sms, nil},
		{"VonageSHA256", "vonage_sig", vonage("sha256hmac"), request("POST", "https://a.example/r", form, vonageText+"DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330"), sms, nil},
		{"VonageSHA512", "vonage_sig", vonage("sha512hmac"), request("POST", "https://a.example/r", form, vonageText+"E0D3C650F8C9D1A5C174D10DDDBFB003E561F59B265616208B0487C5D819481CD3C311D59CF6165ECD1139622D5BA3A256C0D763AC4A9AD9144B5A426B94FE82"), sms, nil},
		{"VonageRepeated", "vonage_sig", vonage(""), request("POST", "https://a.example/r", form, vonageText+"d2e7b1dc968737c5998ad624e02f90b7&type=more"), sms, signature.ErrMismatch},
		{"VonageUnsigned", "vonage_sig", vonage(""), request("POST", "https://a.example/r", form, "messageId=1"), sms, signature.ErrMissing},
		// Vonage/vonage-python-sdk test_signature.py
		{"VonagePython", "vonage_sig", settings("secret", "secret"), request("GET", "https://a.example/r?a=1&b=2&timestamp=1461605396&sig=6af838ef94998832dbfc29020b564830", "", ""), 1461605396, nil},
		// plivo/plivo-go utils_test.go
		{"PlivoV2", "plivo", settings("secret", "my_auth_token"), plivoV2("X-Plivo-Signature-V2"), 0, nil},
		{"PlivoMaV2", "plivo", settings("secret", "my_auth_token"), plivoV2("X-Plivo-Signature-Ma-V2"), 0, nil},
		{"PlivoV3Query", "plivo", settings("secret", plivoToken), request("POST", plivoURL+"/?a=b&c=d", form, plivoForm(), "X-Plivo-Signature-V3-Nonce", plivoNonce, "X-Plivo-Signature-V3", "abc=,k7Pusd4OxCIjR5IfA9iedDNu/h/gbdYqdzG/MiYtd1c="), 0, nil},
		{"PlivoV3", "plivo", settings("secret", plivoToken), request("POST", plivoURL, form, plivoForm(), "X-Plivo-Signature-V3-Nonce", plivoNonce, "X-Plivo-Signature-V3", "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0=, abc="), 0, nil},
		{"PlivoV3GET", "plivo", settings("secret", plivoToken), request("GET", plivoURL+"?"+plivoForm(), "", "", "X-Plivo-Signature-V3-Nonce", plivoNonce, "X-Plivo-Signature-V3", "i/MQsaQSAd6fiKhOh2qeeeLHZ9faldADSb3/7+Akfbc="), 0, nil},
		{"PlivoV3OtherNonce", "plivo", settings("secret", plivoToken), request("POST", plivoURL, form, plivoForm(), "X-Plivo-Signature-V3-Nonce", "1", "X-Plivo-Signature-V3", "iAjE5QqI37mbkYe4w3jTMudqEzbDufdqi7sYwTu64e0="), 0, signature.ErrMismatch},
		{"PlivoUnsigned", "plivo", settings("secret", plivoToken), request("POST", plivoURL, form, plivoForm()), 0, signature.ErrMissing},
		// sinch/sinch-sdk-node authorization.helper.test.ts
		{"Sinch", "hmac", sinch("foo_secret1234"), request("POST", "https://a.example/r", jsonType, sinchBody, sinchHeaders...), 1634579353, nil},
		{"SinchStale", "hmac", sinch("foo_secret1234"), request("POST", "https://a.example/r", jsonType, sinchBody, sinchHeaders...), 1634579353 + 301, signature.ErrStale},
		{"SinchFuture", "hmac", sinch("foo_secret1234"), request("POST", "https://a.example/r", jsonType, sinchBody, sinchHeaders...), 1634579353 - 301, signature.ErrStale},
		{"SinchTampered", "hmac", sinch("foo_secret1234"), request("POST", "https://a.example/r", jsonType, sinchBody+" ", sinchHeaders...), 1634579353, signature.ErrMismatch},
		// computed with Python's hmac from docs.seven.io's rule
		{"Seven", "hmac", seven("seven-signing-key"), request("POST", "https://courier.example/receipts/seven", jsonType, sevenBody, sevenHeaders...), 1767366245, nil},
		{"SevenOtherAddress", "hmac", seven("seven-signing-key"), request("POST", "https://courier.example/receipts/other", jsonType, sevenBody, sevenHeaders...), 1767366245, signature.ErrMismatch},
		{"SevenNoNonce", "hmac", seven("seven-signing-key"), request("POST", "https://courier.example/receipts/seven", jsonType, sevenBody, "X-Timestamp", "1767366245", "X-Signature", "00"), 1767366245, signature.ErrMissing},
		{"Zitadel", "hmac", zitadel("0123456789abcdef"), request("POST", "https://a.example/h", jsonType, "{}", "ZITADEL-Signature", "t=1767366245,v1=00,v1=80a74a9f22ea79844c3bd3624f9a5694497472b14ae0f067b274f3b80f79176e"), 1767366245, nil},
		// onlinecity/gatewayapi-docs docs/rest.rst
		{"GatewayAPI", "jwt", settings("secret", "secret", "header", "X-Gwapi-Signature"), request("POST", "https://a.example/r", jsonType, "{}", "X-Gwapi-Signature", gatewayAPI), 0, nil},
		{"GatewayAPIOtherSecret", "jwt", settings("secret", "other", "header", "X-Gwapi-Signature"), request("POST", "https://a.example/r", jsonType, "{}", "X-Gwapi-Signature", gatewayAPI), 0, signature.ErrMismatch},
		{"Supabase", "standard_webhooks", settings("secret", "v1,"+supabase), request("POST", "https://a.example/h", jsonType, "{}", append(standard, "v1,AAA=, v1,sLO5z8yMzpPXN/XRqB0/zQJSCCIt+dDUFxhBcvlHOAY=")...), 1767366245, nil},
		{"StandardSeveral", "standard_webhooks", settings("secret", supabase), request("POST", "https://a.example/h", jsonType, "{}", append(standard, "v1a,AAA= v1,sLO5z8yMzpPXN/XRqB0/zQJSCCIt+dDUFxhBcvlHOAY= v1,BBB=")...), 1767366245, nil},
		{"StandardRotated", "standard_webhooks", settings("secret", "whsec_QUJD "+supabase), request("POST", "https://a.example/h", jsonType, "{}", append(standard, "v1,sLO5z8yMzpPXN/XRqB0/zQJSCCIt+dDUFxhBcvlHOAY=")...), 1767366245, nil},
		{"StandardStale", "standard_webhooks", settings("secret", supabase), request("POST", "https://a.example/h", jsonType, "{}", append(standard, "v1,sLO5z8yMzpPXN/XRqB0/zQJSCCIt+dDUFxhBcvlHOAY=")...), 1767366245 + 301, signature.ErrStale},
		{"StandardUnsigned", "standard_webhooks", settings("secret", supabase), request("POST", "https://a.example/h", jsonType, "{}"), 1767366245, signature.ErrMissing},
		// standard-webhooks/standard-webhooks JavaScript library test
		{"StandardJavaScript", "standard_webhooks", settings("secret", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), request("POST", "https://a.example/h", jsonType, `{"test": 2432232314}`, "webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp", "1614265330", "webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), 1614265330, nil},
	}
}

func TestVerifier_Verify(t *testing.T) {
	t.Parallel()
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			verifier, err := signature.New(v.kind, v.settings)
			if err != nil {
				t.Fatal(err)
			}
			if err := verifier.Verify(v.request, time.Unix(v.now, 0)); !errors.Is(err, v.want) || (v.want == nil && err != nil) {
				t.Fatalf("Verify() = %v, want %v", err, v.want)
			}
			if v.kind == "jwt" && v.want == nil && v.request.Claims["status"] != "DELIVERED" {
				t.Errorf("claims are %v", v.request.Claims)
			}
		})
	}
}

// TestVerifier_MessageBird runs the reference cases of messagebird/go-rest-api.
func TestVerifier_MessageBird(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/messagebird.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Method, Secret, URL, Payload, Token string
		Valid                                     bool
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 10 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		if c.Secret == "" {
			c.Secret = "anything"
		}
		verifier, err := signature.New("jwt", messageBird(c.Secret))
		if err != nil {
			t.Fatal(err)
		}
		err = verifier.Verify(request(c.Method, c.URL, "", c.Payload, "MessageBird-Signature-JWT", c.Token), time.Unix(1625479200, 0))
		if (err == nil) != c.Valid {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

func TestVerifier_Token(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767366245, 0)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	vonage := settings("secret", "signature", "issuer", "Vonage", "fresh", "iat", "payload_hash", "payload_hash")
	good := func() jwt.MapClaims {
		return jwt.MapClaims{"iss": "Vonage", "iat": now.Unix(), "payload_hash": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
	}
	with := func(name string, value any) jwt.MapClaims {
		c := good()
		c[name] = value
		if value == nil {
			delete(c, name)
		}
		return c
	}
	cases := []struct {
		name   string
		method jwt.SigningMethod
		claims jwt.MapClaims
		key    any
		want   error
	}{
		{"Good", jwt.SigningMethodHS256, good(), []byte("signature"), nil},
		{"OtherAlgorithm", jwt.SigningMethodHS512, good(), []byte("signature"), signature.ErrMismatch},
		{"None", jwt.SigningMethodNone, good(), jwt.UnsafeAllowNoneSignatureType, signature.ErrMismatch},
		{"RS256", jwt.SigningMethodRS256, good(), key, signature.ErrMismatch},
		{"OtherSecret", jwt.SigningMethodHS256, good(), []byte("other"), signature.ErrMismatch},
		{"OtherIssuer", jwt.SigningMethodHS256, with("iss", "Other"), []byte("signature"), signature.ErrMismatch},
		{"OtherBody", jwt.SigningMethodHS256, with("payload_hash", "00"), []byte("signature"), signature.ErrMismatch},
		{"NoHash", jwt.SigningMethodHS256, with("payload_hash", nil), []byte("signature"), signature.ErrMismatch},
		{"NoTime", jwt.SigningMethodHS256, with("iat", nil), []byte("signature"), signature.ErrMissing},
		{"Old", jwt.SigningMethodHS256, with("iat", now.Unix()-301), []byte("signature"), signature.ErrStale},
		{"JustInTime", jwt.SigningMethodHS256, with("iat", now.Unix()-299), []byte("signature"), nil},
		{"Future", jwt.SigningMethodHS256, with("iat", now.Unix()+301), []byte("signature"), signature.ErrStale},
		{"Expired", jwt.SigningMethodHS256, with("exp", now.Unix()-301), []byte("signature"), signature.ErrStale},
		{"ExpiredWithinLeeway", jwt.SigningMethodHS256, with("exp", now.Unix()-299), []byte("signature"), nil},
		{"NotYet", jwt.SigningMethodHS256, with("nbf", now.Unix()+301), []byte("signature"), signature.ErrStale},
		{"TextTime", jwt.SigningMethodHS256, with("iat", "soon"), []byte("signature"), signature.ErrMismatch},
	}
	verifier, err := signature.New("jwt", vonage)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		text, err := jwt.NewWithClaims(c.method, c.claims).SignedString(c.key)
		if err != nil {
			t.Fatal(err)
		}
		err = verifier.Verify(request("POST", "https://a.example/r", jsonType, "{}", "Authorization", "bearer "+text), now)
		if !errors.Is(err, c.want) || (c.want == nil && err != nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error quotes the token", c.name)
		}
	}
}

type mechanism struct {
	name, kind string
	settings   map[string]string
	seal       map[string]string // beside the settings
	untimed    bool
}

func mechanisms() []mechanism {
	seed := make([]byte, 32)
	telnyx := settings("public_key", "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=", "header", "Telnyx-Signature-Ed25519", "timestamp_header", "Telnyx-Timestamp")
	return []mechanism{
		{"Twilio", "twilio", settings("secret", "t1"), nil, true},
		{"Vonage", "vonage_sig", settings("secret", "t1", "method", "sha512hmac"), nil, false},
		{"Plivo", "plivo", settings("secret", "t1"), nil, true},
		{"Telnyx", "ed25519", telnyx, settings("private_key", base64.StdEncoding.EncodeToString(seed)), false},
		{"Sinch", "hmac", sinch("t1"), nil, false},
		{"Seven", "hmac", seven("t1"), nil, false},
		{"Zitadel", "hmac", zitadel("t1"), nil, false},
		{"MessageBird", "jwt", messageBird("t1"), nil, false},
		{"Audience", "jwt", settings("secret", "t1", "url", "aud", "fresh", "iat", "payload_hash", "payload_hash"), nil, false},
		{"StandardWebhooks", "standard_webhooks", settings("secret", supabase), nil, false},
		{"Basic", "basic", settings("user", "courier", "password", "a phrase of words"), nil, true},
		{"Header", "header", settings("header", "X-Api-Key", "secret", "a phrase of words\nnew"), nil, true},
	}
}

// TestSealer_Seal has each mechanism sign what its verifier accepts, then changes it.
func TestSealer_Seal(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767366245, 0)
	for _, m := range mechanisms() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			verifier, err := signature.New(m.kind, m.settings)
			if err != nil {
				t.Fatal(err)
			}
			seal := map[string]string{}
			for name, value := range m.settings {
				if name != "public_key" {
					seal[name] = value
				}
			}
			maps.Copy(seal, m.seal)
			sealer, err := signature.NewSealer(m.kind, seal)
			if err != nil {
				t.Fatal(err)
			}
			sealed := func() *signature.Request {
				r := request("POST", "https://a.example/r", form, "id=1&status=delivered")
				if err := sealer.Seal(r, now); err != nil {
					t.Fatal(err)
				}
				return r
			}
			if err := verifier.Verify(sealed(), now.Add(4*time.Minute)); err != nil {
				t.Fatal(err)
			}
			if err := verifier.Verify(sealed(), now.Add(7*time.Minute)); !m.untimed && !errors.Is(err, signature.ErrStale) {
				t.Errorf("seven minutes later: %v", err)
			}
			unsigned := request("POST", "https://a.example/r", form, "id=1&status=delivered")
			if err := verifier.Verify(unsigned, now); !errors.Is(err, signature.ErrMissing) {
				t.Errorf("unsigned: %v", err)
			}
			changed := sealed()
			changed.Body = []byte(strings.Replace(string(changed.Body), "delivered", "expired", 1))
			changed.Form = url.Values{}
			changed.Form, _ = url.ParseQuery(string(changed.Body))
			if m.kind == "basic" || m.kind == "header" {
				changed.Header.Set("Authorization", "Basic eDp5")
				changed.Header.Set("X-Api-Key", "a")
			}
			if err := verifier.Verify(changed, now); !errors.Is(err, signature.ErrMismatch) {
				t.Errorf("changed: %v", err)
			}
		})
	}
}

func TestNew_Faults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		kind     string
		settings map[string]string
		want     string
	}{
		{"hmca", nil, `no kind of signature is called "hmca"`},
		{"twilio", nil, "secret: it is missing"},
		{"twilio", settings("secret", "\n"), "secret: it is missing"},
		{"standard_webhooks", settings("secret", " "), "secret: there is none in it"},
		{"twilio", settings("secret", "x", "secert", "y"), "secert: there is no such setting"},
		{"hmac", settings("secret", "x", "header", "X", "message", "{bdy}"), "message: there is no {bdy}"},
		{"hmac", settings("secret", "!", "header", "X", "secret_encoding", "base64"), "secret: it is not base64"},
		{"hmac", settings("secret", "x", "header", "X", "hash", "crc32"), "hash: it is one of sha256"},
		{"jwt", settings("secret", "x", "algorithms", "none"), `algorithms: "none" is none of`},
		{"jwt", settings("secret", "x", "algorithms", "RS256"), `algorithms: "RS256" is none of`},
		{"ed25519", settings("public_key", "AAAA", "header", "X"), "public_key: it is not the base64 of 32 bytes"},
		{"standard_webhooks", settings("secret", "whsec_"), "secret: it is not whsec_ and base64"},
		{"vonage_sig", settings("secret", "x", "method", "md4"), "method: it is one of md5hash"},
	}
	for _, c := range cases {
		if _, err := signature.New(c.kind, c.settings); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%s, %v) = %v, want %q", c.kind, c.settings, err, c.want)
		}
	}
}

// TestSigner_AWS runs cases of the published SigV4 test suite.
func TestSigner_AWS(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, method, address, kind, body, want string }{
		{"get-vanilla", "GET", "/", "", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", "", "", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{"post-vanilla", "POST", "/", "", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"post-x-www-form-urlencoded", "POST", "/", "application/x-www-form-urlencoded", "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
	}
	signer, err := signature.NewSigner("aws_sigv4", settings("access_key_id", "AKIDEXAMPLE",
		"secret_access_key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "region", "us-east-1", "service", "service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "https://example.amazonaws.com"+c.address, nil)
		if c.kind != "" {
			r.Header.Set("Content-Type", c.kind)
		}
		if err := signer.Sign(r, []byte(c.body), time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
		if _, got, _ := strings.Cut(r.Header.Get("Authorization"), "Signature="); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSigner_AWSSessionToken(t *testing.T) {
	t.Parallel()
	signer, err := signature.NewSigner("aws_sigv4", settings("access_key_id", "AKIDEXAMPLE", "secret_access_key", "s3cret",
		"session_token", "t0ken", "region", "eu-west-1", "service", "sms-voice"))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://sms-voice.eu-west-1.amazonaws.com/", nil)
	r.Header.Set("X-Amz-Target", "PinpointSMSVoiceV2.SendTextMessage")
	if err := signer.Sign(r, nil, time.Unix(1767366245, 0)); err != nil {
		t.Fatal(err)
	}
	if got := r.Header.Get("Authorization"); !strings.Contains(got, "SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target,") ||
		r.Header.Get("X-Amz-Security-Token") != "t0ken" {
		t.Errorf("signed as %s", got)
	}
}

func TestSigner_Azure(t *testing.T) {
	t.Parallel()
	signer, err := signature.NewSigner("azure_hmac", settings("access_key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://acme.communication.azure.com/sms?api-version=2021-03-07", nil)
	if err := signer.Sign(r, []byte(`{"from":"+12065550110"}`), time.Unix(1767366245, 0)); err != nil {
		t.Fatal(err)
	}
	// computed with Python's hmac from Microsoft's rule
	const want = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=Ao5S0VuTwM75cnPibKVmYCSzYMHN+21Arewyh+cQxqQ="
	if got := r.Header.Get("Authorization"); got != want || r.Header.Get("X-Ms-Date") != "Fri, 02 Jan 2026 15:04:05 GMT" {
		t.Errorf("signed as %s at %s", got, r.Header.Get("X-Ms-Date"))
	}
}

func TestSigner_StandardWebhooks(t *testing.T) {
	t.Parallel()
	signer, err := signature.NewSigner("standard_webhooks", settings("secret", supabase))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := signature.New("standard_webhooks", settings("secret", "whsec_QUJD\n"+supabase))
	if err != nil {
		t.Fatal(err)
	}
	now, body := time.Unix(1767366245, 0), `{"id":"018f"}`
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://a.example/send", nil)
	if err := signer.Sign(r, []byte(body), now); err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(&signature.Request{Header: r.Header, Body: []byte(body)}, now); err != nil || r.Header.Get("webhook-id") != "018f" {
		t.Errorf("Verify() = %v of id %q", err, r.Header.Get("webhook-id"))
	}
	if err := signer.Sign(r, []byte(`[]`), now); err == nil {
		t.Error("a body without an id was signed")
	}
}

func TestSigner_Application(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	signer, err := signature.NewSigner("jwt_rs256", settings("application_id", "aaaa-bbbb", "private_key", strings.ReplaceAll(text, "\n", `\n`)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1767366245, 0)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.nexmo.com/v1/messages", nil)
	if err := signer.Sign(r, nil, now); err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	_, err = jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(func() time.Time { return now })).
		ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), claims, func(*jwt.Token) (any, error) { return &key.PublicKey, nil })
	if err != nil || claims["application_id"] != "aaaa-bbbb" || claims["jti"] == "" || claims["exp"] != float64(now.Unix()+900) {
		t.Errorf("%v: %v", claims, err)
	}
}

// FuzzVerifier gives every mechanism anything at all.
func FuzzVerifier(f *testing.F) {
	verifiers := map[string]signature.Verifier{}
	for _, m := range mechanisms() {
		verifier, err := signature.New(m.kind, m.settings)
		if err != nil {
			f.Fatal(err)
		}
		verifiers[m.name] = verifier
	}
	f.Add("POST", "https://a.example/r?a=b", form, "id=1&sig=00&timestamp=1767366245", "t=1,v1=2", "1767366245")
	f.Add("GET", "://%zz", jsonType, `{"sig":"00","timestamp":9999999999999999999}`, gatewayAPI, "-9223372036854775808")
	f.Add("", "", "", "[]", "v1,AAA= v1", "99999999999999")
	f.Fuzz(func(t *testing.T, method, address, kind, body, signed, timestamp string) {
		r := &http.Request{Method: method, URL: &url.URL{Path: "/", RawQuery: body}, RequestURI: address, Header: http.Header{
			"Content-Type": {kind}, "Authorization": {signed}, "X-Twilio-Signature": {signed},
			"X-Plivo-Signature-V2": {signed}, "X-Plivo-Signature-V3": {signed}, "X-Plivo-Signature-V3-Nonce": {timestamp},
			"Telnyx-Signature-Ed25519": {signed}, "Telnyx-Timestamp": {timestamp},
			"X-Sinch-Webhook-Signature": {signed}, "X-Sinch-Webhook-Signature-Timestamp": {timestamp}, "X-Sinch-Webhook-Signature-Nonce": {timestamp},
			"X-Signature": {signed}, "X-Timestamp": {timestamp}, "X-Nonce": {timestamp}, "Zitadel-Signature": {signed},
			"Messagebird-Signature-Jwt": {signed}, "X-Api-Key": {signed},
			"Webhook-Id": {timestamp}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signed},
		}}
		for name, verifier := range verifiers {
			err := verifier.Verify(signature.NewRequest(r, address, []byte(body)), time.Unix(1767366245, 0))
			if err == nil {
				t.Errorf("%s took a made-up request", name)
			}
		}
	})
}
