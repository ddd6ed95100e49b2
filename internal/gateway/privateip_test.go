package gateway

import (
	"strings"
	"testing"
)

func TestPolicy_Addresses(t *testing.T) {
	t.Parallel()
	policy, err := compilePolicy(PrivateIPPolicy{Disallow: true})
	if err != nil {
		t.Fatal(err)
	}
	for address, public := range map[string]bool{
		"93.184.216.34:443": true, "1.1.1.1:80": true, "172.15.255.255:1": true, "172.32.0.1:1": true, "100.63.0.1:1": true,
		"[2606:4700::1111]:443": true, "[2a00::1]:1": true,
		"127.0.0.1:80": false, "127.255.0.1:80": false, "10.1.2.3:80": false, "172.16.0.1:80": false, "172.31.255.255:80": false,
		"192.168.1.1:80": false, "169.254.169.254:80": false, "100.64.0.1:80": false, "0.0.0.0:80": false, "224.0.0.1:80": false,
		"255.255.255.255:80": false, "198.18.0.1:80": false, "192.0.2.1:80": false, "240.0.0.1:1": false,
		"[::1]:80": false, "[::]:80": false, "[fe80::1%eth0]:80": false, "[fc00::1]:80": false, "[fd12::1]:80": false,
		"[ff02::1]:80": false, "[::ffff:10.0.0.1]:80": false, "[64:ff9b::a00:1]:80": false, "[2001:db8::1]:80": false, "[2002:a00:1::]:80": false,
		"localhost:80": false, "": false,
	} {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp6"
		}
		err := policy.public(network, address, nil)
		if (err == nil) != public || err != nil && !isPrivateAddress(err) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestPolicy_Excepted lets a url that is excepted lead to private networks, and
// to nothing else that is special.
func TestPolicy_Excepted(t *testing.T) {
	t.Parallel()
	policy, err := compilePolicy(PrivateIPPolicy{Disallow: true})
	if err != nil {
		t.Fatal(err)
	}
	for address, allowed := range map[string]bool{
		"10.1.2.3:80": true, "127.0.0.1:80": true, "192.168.1.1:80": true, "172.16.0.1:80": true, "1.1.1.1:80": true,
		"0.0.0.0:80": false, "224.0.0.1:80": false, "100.64.0.1:80": false,
	} {
		if err := policy.private("tcp4", address, nil); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestPolicy_Guards(t *testing.T) {
	t.Parallel()
	policy, err := compilePolicy(PrivateIPPolicy{Disallow: true, ExceptionURLs: []string{
		"http://sms.internal/send", "https://*.corp.example/**", "http://10.0.0.?/x",
	}})
	if err != nil {
		t.Fatal(err)
	}
	for target, guarded := range map[string]bool{
		"http://sms.internal/send": false, "http://sms.internal/send?to=1#f": false, "http://SMS.internal/send": true,
		"http://sms.internal/send/": true, "https://sms.internal/send": true, "https://a.corp.example/b/c.d": false,
		"https://a.b.corp.example/": true, "http://10.0.0.5/x": false, "http://10.0.0.55/x": true, "http://user@sms.internal/send": true,
	} {
		if got := !policy.isExcepted(mustTarget(t, target)); got != guarded {
			t.Errorf("isExcepted(%s) = %t", target, !got)
		}
	}
	open, err := compilePolicy(PrivateIPPolicy{ExceptionURLs: []string{"x"}})
	if err != nil || open.control(mustTarget(t, "http://127.0.0.1/")) != nil {
		t.Errorf("a policy that disallows nothing guards, %v", err)
	}
}
