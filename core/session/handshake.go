package session

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/sha256"
	"encoding/binary"
	"io"

	"github.com/flynn/noise"
	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes of the handshake's parts, in bytes.
const (
	noise1Size = 32 + mlkem.EncapsulationKeySize768 + 16 // e, and the payload with its tag
	noise2Size = 32 + 16                                 // e, and the tag of an empty payload
	m1Size     = headSize + noise1Size
	m2Size     = headSize + mlkem.CiphertextSize768 + noise2Size
)

// keyring does X25519 for one Noise handshake. Noise names private keys by bytes and would have them parsed again for every
// product, which costs another multiplication each; the "private keys" it gets here are only names of what the keyring holds.
type keyring struct {
	static    *ecdh.PrivateKey
	ephemeral *ecdh.PrivateKey
	peer      []byte // the other's static key and
	shared    []byte // its product with ours, where known beforehand

	products [][]byte // what was computed
	ciphers  []cipher.AEAD
}

var staticName, ephemeralName = []byte("s"), []byte("e")

func (k *keyring) DHLen() int     { return 32 }
func (k *keyring) DHName() string { return "25519" }

func (k *keyring) GenerateKeypair(random io.Reader) (noise.DHKey, error) {
	var seed [32]byte
	defer clear(seed[:])
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return noise.DHKey{}, err
	}
	key, err := ecdh.X25519().NewPrivateKey(seed[:])
	if err != nil {
		return noise.DHKey{}, err
	}
	k.ephemeral = key
	return noise.DHKey{Private: ephemeralName, Public: key.PublicKey().Bytes()}, nil
}

func (k *keyring) DH(private, public []byte) ([]byte, error) {
	key := k.ephemeral
	if bytes.Equal(private, staticName) {
		if k.shared != nil && bytes.Equal(public, k.peer) {
			return k.shared, nil
		}
		key = k.static
	}
	if key == nil {
		return nil, ErrHandshake
	}
	point, err := ecdh.X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	product, err := key.ECDH(point) // fails on points of low order
	k.products = append(k.products, product)
	return product, err
}

func (k *keyring) CipherName() string { return noise.CipherChaChaPoly.CipherName() }

// Cipher is Noise's ChaChaPoly. The keyring keeps it, to erase its key.
func (k *keyring) Cipher(key [32]byte) noise.Cipher {
	aead := newAEAD(key[:])
	clear(key[:])
	k.ciphers = append(k.ciphers, aead)
	return noiseCipher{aead}
}

type noiseCipher struct{ aead cipher.AEAD }

func (c noiseCipher) Encrypt(out []byte, n uint64, ad, plaintext []byte) []byte {
	return c.aead.Seal(out, noiseNonce(n), plaintext, ad)
}

func (c noiseCipher) Decrypt(out []byte, n uint64, ad, ciphertext []byte) ([]byte, error) {
	return c.aead.Open(out, noiseNonce(n), ciphertext, ad)
}

func noiseNonce(n uint64) []byte {
	return binary.LittleEndian.AppendUint64(make([]byte, 4, chacha20poly1305.NonceSize), n)
}

// suite is the cipher suite of all of Masq's Noise handshakes, on the keys of a keyring.
func suite(k *keyring) noise.CipherSuite { return noise.NewCipherSuite(k, k, noise.HashSHA256) }

// handshake is a Noise handshake with its keys.
type handshake struct {
	*noise.HandshakeState
	keys *keyring
}

// forget overwrites what can be reached of a handshake that is over. The chaining key, the ephemeral X25519 key and the ML-KEM key are
// inside of other packages, and are only dropped.
func (h *handshake) forget() {
	for _, p := range h.keys.products {
		clear(p)
	}
	for _, c := range h.keys.ciphers {
		erase(c)
	}
	*h.HandshakeState = noise.HandshakeState{}
	*h.keys = keyring{}
}

// newNoise begins a KKpsk2. The psk is set by whoever has done the KEM step; see mixKEM.
func newNoise(p *Pair, channel *[32]byte, random io.Reader) (*handshake, error) {
	keys := &keyring{static: p.self, peer: p.peer[:], shared: p.shared}
	hs, err := noise.NewHandshakeState(noise.Config{
		CipherSuite:           suite(keys),
		Random:                random,
		Pattern:               noise.HandshakeKK,
		Initiator:             p.initiator,
		Prologue:              append([]byte("masq-session/1"), channel[:]...),
		PresharedKeyPlacement: 2,
		StaticKeypair:         noise.DHKey{Private: staticName, Public: p.self.PublicKey().Bytes()},
		PeerStatic:            p.peer[:],
	})
	return &handshake{hs, keys}, err
}

// mixKEM sets the psk, which joins the ML-KEM secret and the circle's to the handshake. The library mixes an unset psk without a
// word when it reads, so message 2 is written and read nowhere but behind this.
func mixKEM(hs *handshake, p *Pair, secret, ek, ct []byte) error {
	transcript := sha256.New()
	transcript.Write(ek)
	transcript.Write(ct)
	info := transcript.Sum([]byte("masq/1 session psk\x00"))
	var psk [32]byte
	derive(psk[:], secret, p.auth[:], string(info))
	clear(secret)
	defer clear(psk[:])
	return hs.SetPresharedKey(psk[:])
}

// hello is the initiator's side between M1 and M2. After any error it is of no further use: a Noise state that failed once must
// not be tried again.
type hello struct {
	noise *handshake
	kem   *mlkem.DecapsulationKey768
}

// newHello makes message 1 and appends it to out.
func newHello(p *Pair, channel *[32]byte, random io.Reader, out []byte) (*hello, []byte, error) {
	var seed [mlkem.SeedSize]byte
	defer clear(seed[:])
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, nil, err
	}
	kem, err := mlkem.NewDecapsulationKey768(seed[:])
	if err != nil {
		return nil, nil, err
	}
	hs, err := newNoise(p, channel, random)
	if err != nil {
		return nil, nil, err
	}
	out, _, _, err = hs.WriteMessage(out, kem.EncapsulationKey().Bytes())
	if err != nil {
		hs.forget()
		return nil, nil, err
	}
	return &hello{hs, kem}, out, nil
}

// finish reads message 2, without its head.
func (h *hello) finish(now uint64, p *Pair, msg []byte) (*session, error) {
	defer h.noise.forget()
	if len(msg) != m2Size-headSize {
		return nil, ErrHandshake
	}
	ct, msg := msg[:mlkem.CiphertextSize768], msg[mlkem.CiphertextSize768:]
	secret, err := h.kem.Decapsulate(ct)
	if err != nil {
		return nil, ErrHandshake
	}
	if mixKEM(h.noise, p, secret, h.kem.EncapsulationKey().Bytes(), ct) != nil {
		return nil, ErrHandshake
	}
	_, send, receive, err := h.noise.ReadMessage(nil, msg)
	if err != nil || send == nil || receive == nil {
		return nil, ErrHandshake
	}
	return newSession(now, send, receive), nil
}

// encapsulate is crypto/mlkem's, whose randomness is the system's: the library takes no other. Tests with known answers have
// one of their own.
type encapsulate func(*mlkem.EncapsulationKey768) (secret, ct []byte)

// answer reads message 1 (without its head) and appends message 2 to out.
func answer(now uint64, p *Pair, channel *[32]byte, random io.Reader, kem encapsulate, msg, out []byte) (*session, []byte, error) {
	hs, err := newNoise(p, channel, random)
	if err != nil {
		return nil, nil, err
	}
	defer hs.forget()
	payload, _, _, err := hs.ReadMessage(nil, msg)
	if err != nil {
		return nil, nil, ErrHandshake
	}
	ek, err := mlkem.NewEncapsulationKey768(payload)
	if err != nil {
		return nil, nil, ErrHandshake
	}
	secret, ct := kem(ek)
	if err := mixKEM(hs, p, secret, payload, ct); err != nil {
		return nil, nil, err
	}
	out, receive, send, err := hs.WriteMessage(append(out, ct...), nil)
	if err != nil {
		return nil, nil, err
	}
	return newSession(now, send, receive), out, nil
}
