// Package tls stands in for crypto/tls in the programs for the browser, which encrypts their connections itself.
// It has what net/http needs of crypto/tls to be compiled. Nothing in it makes a connection.
package tls

import (
	"context"
	"errors"
	"net"
)

var errBrowser = errors.New("in a browser, only the browser itself makes encrypted connections")

// The numbers of crypto/tls.
const (
	VersionTLS12                            = 0x0303
	VersionTLS13                            = 0x0304
	TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256   = 0xc02f
	TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xc02b
)

// Types of crypto/tls, with the fields that net/http uses.
type (
	Certificate     struct{}
	ClientHelloInfo struct{}
	Conn            struct{ net.Conn }
	Dialer          struct{ Config *Config }

	Config struct {
		Certificates             []Certificate
		CipherSuites             []uint16
		GetCertificate           func(*ClientHelloInfo) (*Certificate, error)
		GetConfigForClient       func(*ClientHelloInfo) (*Config, error)
		InsecureSkipVerify       bool
		MinVersion               uint16
		NextProtos               []string
		PreferServerCipherSuites bool
		ServerName               string
	}

	ConnectionState struct {
		Version, CipherSuite       uint16
		HandshakeComplete          bool
		NegotiatedProtocol         string
		NegotiatedProtocolIsMutual bool
		ServerName                 string
	}

	RecordHeaderError struct {
		Msg          string
		RecordHeader [5]byte
		Conn         net.Conn
	}
)

func (e RecordHeaderError) Error() string { return e.Msg }

func (c *Config) Clone() *Config {
	if c == nil {
		return nil
	}
	clone := *c
	return &clone
}

func (c *Conn) CloseWrite() error                      { return errBrowser }
func (c *Conn) ConnectionState() ConnectionState       { return ConnectionState{} }
func (c *Conn) Handshake() error                       { return errBrowser }
func (c *Conn) HandshakeContext(context.Context) error { return errBrowser }
func (c *Conn) NetConn() net.Conn                      { return c.Conn }
func (c *Conn) VerifyHostname(string) error            { return errBrowser }

// Read and Write keep a connection that is not encrypted from being used.
func (c *Conn) Read([]byte) (int, error)  { return 0, errBrowser }
func (c *Conn) Write([]byte) (int, error) { return 0, errBrowser }

func Client(c net.Conn, _ *Config) *Conn                   { return &Conn{c} }
func Dial(string, string, *Config) (*Conn, error)          { return nil, errBrowser }
func Listen(string, string, *Config) (net.Listener, error) { return nil, errBrowser }
func LoadX509KeyPair(string, string) (Certificate, error)  { return Certificate{}, errBrowser }

func (*Dialer) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errBrowser
}

// NewListener returns a listener that accepts nothing.
func NewListener(l net.Listener, _ *Config) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (listener) Accept() (net.Conn, error) { return nil, errBrowser }
