package localstore

import "testing"

func TestCheckHost(t *testing.T) {
	for _, c := range []struct {
		host string
		port uint16
		want bool
	}{
		{"localhost:6277", 6277, true},
		{"127.0.0.1:6277", 6277, true},
		{"[::1]:6277", 6277, true},
		{"localhost:6277", 7000, true},
		{"localhost:7000", 7000, true},
		{"localhost", 80, true},
		{"localhost", 6277, false},
		{"localhost:7000", 6277, false},
		{"evil.example:6277", 6277, false},
		{"localhost.evil.example:6277", 6277, false},
		{"notlocalhost:6277", 6277, false},
		{"localhost.:6277", 6277, false},
		{"app.localhost:6277", 6277, false},
		{"127.0.0.2:6277", 6277, false},
		{"localhost:6277:6277", 6277, false},
		{"localhost:06277", 6277, false},
		{"0.0.0.0:6277", 6277, false},
		{"[::]:6277", 6277, false},
		{"", 6277, false},
		{":6277", 6277, false},
	} {
		if got := CheckHost(c.host, c.port); got != c.want {
			t.Errorf("CheckHost(%q, %d) = %v", c.host, c.port, got)
		}
	}
}

func TestClassifyOrigin(t *testing.T) {
	type test struct {
		name, origin     string
		present, browser bool
		port             uint16
		who              Who
		ok               bool
	}
	tests := []test{
		{"a program", "", false, false, 6277, Who{Kind: Native}, true},
		{"a browser that hides where it is", "", false, true, 6277, Who{}, false},
		{"the manager", manager, true, true, 6277, Who{Manager, manager}, true},
		{"the manager by address", "http://127.0.0.1:6277", true, true, 6277, Who{Manager, "http://127.0.0.1:6277"}, true},
		{"the manager on another port", "http://localhost:7000", true, true, 7000, Who{Manager, "http://localhost:7000"}, true},
		{"another store's manager", manager, true, true, 7000, Who{Web, manager}, true},
		{"the manager by https", "https://localhost:6277", true, true, 6277, Who{Web, "https://localhost:6277"}, true},
		{"a page", notes, true, true, 6277, Who{Web, notes}, true},
		{"a page, told by a program", notes, true, false, 6277, Who{Web, notes}, true},
		{"a page with a port", notes + ":8443", true, true, 6277, Who{Web, notes + ":8443"}, true},
		{"a page of this computer", "http://localhost:5173", true, true, 6277, Who{Web, "http://localhost:5173"}, true},
		{"a name of this computer", "http://app.localhost:5173", true, true, 6277, Who{Web, "http://app.localhost:5173"}, true},
	}
	for _, origin := range []string{
		"", "null", "http://notes.example", "http://192.168.1.7:5173", "file://", "chrome-extension://abcdefghijklmnop",
		"https://notes.example/", "https://notes.example:443", "https://NOTES.example", "https://user@notes.example",
		"https://notes.example https://evil.example", "https://", "https://notes.example#", "ws://localhost:6277",
		"http://localhost.evil.example:6277", "http://127.0.0.1.evil.example",
	} {
		tests = append(tests, test{"refused", origin, true, true, 6277, Who{}, false})
	}
	for _, c := range tests {
		if who, ok := ClassifyOrigin(c.origin, c.present, c.browser, c.port); who != c.who || ok != c.ok {
			t.Errorf("%s: ClassifyOrigin(%q) = %v, %v", c.name, c.origin, who, ok)
		}
	}
}

func TestDomainOf(t *testing.T) {
	for _, c := range []struct{ owner, want string }{
		{"https://a.notes.example.com", "example.com"},
		{"https://example.com:8443", "example.com"},
		{"https://a.b.example.co.uk", "example.co.uk"},
		{"https://alice.github.io", "alice.github.io"},
		{"https://github.io", "github.io"},
		{"https://10.0.0.1", "10.0.0.1"},
		{"http://localhost:5173", "localhost"},
		{"http://a.localhost:5173", "a.localhost"},
		{"http://[::1]:5173", "[::1]"},
		{"com.example.notes", "program:com.example"},
	} {
		if got := domainOf(c.owner); got != c.want {
			t.Errorf("domainOf(%q) = %q, want %q", c.owner, got, c.want)
		}
	}
}

func TestValidProgram(t *testing.T) {
	for s, want := range map[string]bool{
		"org.example": true, "org.example.app-2": true, commandLine: true,
		"": false, "app": false, "org.": false, ".org": false, "org..app": false, "Org.example": false, "org.exa mple": false,
		"org.-x": false, "https://x.y": false, "org.exämple": false, "org.example/": false,
	} {
		if validProgram(s) != want {
			t.Errorf("validProgram(%q) is not %v", s, want)
		}
	}
}
