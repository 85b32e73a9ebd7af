package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/internal/contact"
)

// application is a native program that uses a store by its WebSocket:
//
//	app PORT ask ID NAME [SEEN]  asks for access, waits, and prints the token; SEEN is where it believes the store to be
//	app PORT use ID TOKEN KEY    proves a token
//	app PORT manage WHAT VALUE   is the manager's page, which opens with a secret or a code
//
// Once it is in it prints "in" and sends each line of its input as a call (the method, and its parameters with a space between). It prints every answer.
// A page's address as ID is sent as the origin.
func application() {
	port, verb, id, args := os.Args[1], os.Args[2], os.Args[3], os.Args[4:]
	header := http.Header{}
	if ok := len(id) > 8 && id[:8] == "https://"; ok {
		header.Set("Origin", id)
	}
	if verb == "manage" {
		header.Set("Origin", "http://localhost:"+port)
	}
	a := &app{texts: make(chan []byte, 100)}
	ws, _, err := gws.NewClient(a, &gws.ClientOption{Addr: "ws://localhost:" + port + "/v1", RequestHeader: header})
	if err != nil {
		fatal(err)
	}
	a.ws = ws
	go ws.ReadLoop()
	switch verb {
	case "ask":
		p := params{"app": params{"name": args[0]}}
		if header.Get("Origin") == "" {
			p["id"] = id
		}
		if len(args) > 1 {
			port = args[1]
		}
		a.ask(id, port, p)
	case "manage":
		a.call("exchange", params{id: args[0]}, &tokenJSON{})
	case "use":
		a.prove(id, args[0], args[1])
	}
	fmt.Println("in")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var method, p string
		fmt.Sscanf(lines.Text(), "%s %s", &method, &p)
		var result json.RawMessage
		a.call(method, json.RawMessage(p), &result)
		fmt.Println(string(result))
	}
	ws.WriteClose(1000, nil)
}

type app struct {
	gws.BuiltinEventHandler
	ws    *gws.Conn
	texts chan []byte
	last  int
}

func (a *app) OnMessage(_ *gws.Conn, m *gws.Message) { a.texts <- append([]byte(nil), m.Bytes()...) }

func (a *app) OnClose(_ *gws.Conn, err error) {
	fmt.Println("closed", err)
	close(a.texts)
}

func (a *app) call(method string, p, result any) {
	a.last++
	text, err := json.Marshal(params{"jsonrpc": "2.0", "id": a.last, "method": method, "params": p})
	if err != nil {
		fatal(err)
	}
	a.ws.WriteMessage(gws.OpcodeText, text)
	for text := range a.texts {
		var m struct {
			ID     int             `json:"id"`
			Method string          `json:"method"`
			Result json.RawMessage `json:"result"`
			Error  *rpcError       `json:"error"`
		}
		json.Unmarshal(text, &m)
		switch {
		case m.Method != "":
			fmt.Println("told", string(text))
		case m.Error != nil:
			fatal(fmt.Errorf("%s %w", m.Error.Data.Code, m.Error))
		case m.ID == a.last:
			if err := json.Unmarshal(m.Result, result); err != nil {
				fatal(err)
			}
			return
		}
	}
	fatal(fmt.Errorf("the connection has ended"))
}

// ask goes through first contact, and prints the digits and the token.
func (a *app) ask(id, port string, p params) {
	number, _ := strconv.ParseUint(port, 10, 16)
	asker, err := contact.NewAsker(id, uint16(number), rand.Reader)
	if err != nil {
		fatal(err)
	}
	b64 := base64.RawURLEncoding
	p["commitment"] = b64.EncodeToString(asker.Commitment())
	var store struct{ Key string }
	a.call("request", p, &store)
	share, _ := b64.DecodeString(store.Key)
	keys, err := asker.Take(share)
	if err != nil {
		fatal(err)
	}
	fmt.Println("digits", keys.Digits)
	own, nonce := asker.Reveal()
	var answer struct{ Token string }
	a.call("reveal", params{"key": b64.EncodeToString(own), "nonce": b64.EncodeToString(nonce)}, &answer)
	sealed, _ := b64.DecodeString(answer.Token)
	token, err := keys.Open(sealed)
	if err != nil {
		fatal(err)
	}
	fmt.Println("token", b64.EncodeToString(token[:8]), b64.EncodeToString(token[8:]))
}

func (a *app) prove(id, tokenID, tokenKey string) {
	b64 := base64.RawURLEncoding
	key, _ := b64.DecodeString(tokenKey)
	cn := make([]byte, 32)
	rand.Read(cn)
	var answer struct{ SN, MAC string }
	a.call("prove", params{"id": tokenID, "cn": b64.EncodeToString(cn)}, &answer)
	sn, _ := b64.DecodeString(answer.SN)
	mac := func(side string) string {
		h := hmac.New(sha256.New, key)
		h.Write([]byte("masq-store/1 " + side))
		h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(id))))
		h.Write([]byte(id))
		h.Write(cn)
		h.Write(sn)
		return b64.EncodeToString(h.Sum(nil))
	}
	if answer.MAC != mac("store") {
		fatal(fmt.Errorf("the store does not know the token"))
	}
	a.call("proof", params{"mac": mac("client")}, &struct{}{})
}

func fatal(err error) {
	fmt.Println("failed:", err)
	os.Exit(1)
}
