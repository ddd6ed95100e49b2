package gateway

import (
	"errors"
	"testing"
)

func TestAddressGuard(t *testing.T) {
	t.Parallel()
	guard := newAddressGuard()
	for address, public := range map[string]bool{
		"93.184.216.34:443": true, "1.1.1.1:80": true, "172.15.255.255:1": true, "172.32.0.1:1": true, "100.63.0.1:1": true,
		"[2606:4700::1111]:443": true, "[2a00::1]:1": true, "[::ffff:1.1.1.1]:1": true,
		"127.0.0.1:80": false, "127.255.0.1:80": false, "10.1.2.3:80": false, "172.16.0.1:80": false, "172.31.255.255:80": false,
		"192.168.1.1:80": false, "169.254.169.254:80": false, "100.64.0.1:80": false, "0.0.0.0:80": false, "224.0.0.1:80": false,
		"255.255.255.255:80": false, "198.18.0.1:80": false, "192.0.2.1:80": false, "240.0.0.1:1": false,
		"[::1]:80": false, "[::]:80": false, "[fe80::1%eth0]:80": false, "[fc00::1]:80": false, "[fd12::1]:80": false,
		"[ff02::1]:80": false, "[::ffff:10.0.0.1]:80": false, "[64:ff9b::a00:1]:80": false, "[2001:db8::1]:80": false, "[2002:a00:1::]:80": false,
		"localhost:80": false, "": false,
	} {
		err := guard.control("tcp", address, nil)
		if (err == nil) != public || err != nil && !errors.Is(err, errPrivateAddress) {
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
		if got := policy.guards(mustTarget(t, target)); got != guarded {
			t.Errorf("guards(%s) = %t", target, got)
		}
	}
	open, err := compilePolicy(PrivateIPPolicy{ExceptionURLs: []string{"x"}})
	if err != nil || open.guards(mustTarget(t, "http://127.0.0.1/")) {
		t.Errorf("a policy that disallows nothing guards, %v", err)
	}
}

func TestCompileGlob(t *testing.T) {
	t.Parallel()
	for pattern, c := range map[string]struct{ match, miss []string }{
		"":                {[]string{""}, []string{"a"}},
		"a*c":             {[]string{"ac", "abc", "a-:c"}, []string{"a.c", "a/c", "abcd"}},
		"a**c":            {[]string{"ac", "a./c", "a\nc"}, []string{"a", "ab"}},
		"a?c":             {[]string{"abc", "aéc"}, []string{"ac", "a.c", "a/c"}},
		"[abc]x":          {[]string{"ax", "cx"}, []string{"dx", "x"}},
		"[a-c]x":          {[]string{"bx"}, []string{"dx", "-x"}},
		"[!a-c]x":         {[]string{"dx"}, []string{"bx"}},
		"[a-]":            {[]string{"a", "-"}, []string{"b"}},
		`[\]]`:            {[]string{"]"}, []string{`\`}},
		"{ab,c{d,e}}f":    {[]string{"abf", "cdf", "cef"}, []string{"cf", "abcdf"}},
		"a,b}":            {nil, nil},
		`\*\{x`:           {[]string{"*{x"}, []string{"a{x"}},
		"http://a.b/(c)+": {[]string{"http://a.b/(c)+"}, []string{"http://axb/(c)+", "http://a.b/cc"}},
	} {
		compiled, err := compileGlob(pattern)
		if err != nil {
			t.Errorf("%q: %v", pattern, err)
			continue
		}
		for _, text := range c.match {
			if !compiled.MatchString(text) {
				t.Errorf("%q does not match %q", pattern, text)
			}
		}
		for _, text := range c.miss {
			if compiled.MatchString(text) {
				t.Errorf("%q matches %q", pattern, text)
			}
		}
	}
	for _, pattern := range []string{"[", "[]", "[a", "{", "{a,b", `a\`, "[z-a]"} {
		if _, err := compileGlob(pattern); !errors.Is(err, errGlob) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}
