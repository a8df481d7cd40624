package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/wneessen/go-mail"
	"go.yaml.in/yaml/v3"

	"flyleaf/node"
)

// The command digest.

func (a *app) digestCmd() *cobra.Command {
	var event, since, out, url, config string
	var weekly, html, send bool
	c := &cobra.Command{
		Use:   "digest [flags]",
		Short: "Print or mail what is new",
		Long: `Show what is new in the weeks on this device since the last digest: replies to you, winners, new
answers, new questions. The first digest covers the last seven days. The digest is printed,
or with -o written to a file, or with --send sent by mail. Items that were
written to a file or sent are not reported again, but items that were only printed are.

With --weekly a digest is written or sent at most once a week, and only if something is new, so
that cron can run the command daily.

Mail is sent through the server in mail.yaml in the data directory:

  host: smtp.example.org
  port: 587
  security: starttls        # or tls, or none for a server on this machine
  username: robin
  password: "…"             # or in $FLYLEAF_SMTP_PASSWORD
  from: Robin <robin@example.org>
  to: robin@example.org`,
		Example: "  flyleaf digest\n  flyleaf digest --weekly --send",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			now := time.Now()
			from := int64(0)
			if since != "" {
				day, err := time.ParseInLocation(time.DateOnly, since, time.Local)
				if err != nil {
					return codedf(exitUsage, "--since takes a day such as 2026-11-09, not %q", since)
				}
				from = day.UnixMilli()
			}
			if send && out != "" {
				return codedf(exitUsage, "--send and -o cannot be used together")
			}
			if weekly && !send && out == "" {
				return codedf(exitUsage, "--weekly needs --send or -o FILE, because a digest that is only printed is not recorded")
			}
			return a.with(c.Context(), func(ctx context.Context, b backend) error {
				var box mailConfig
				if send {
					home, err := a.home(ctx)
					if err != nil {
						return err
					}
					if config == "" {
						config = home.path("mail.yaml")
					}
					if box, err = readMailConfig(config); err != nil {
						return err
					}
				}
				state, err := b.DigestState(ctx)
				if err != nil {
					return err
				}
				if weekly && !state.WeeklyDigestDue(now) {
					a.printf("The last digest was on %s; the next is due a week later.\n", time.UnixMilli(state.SentAtMillis).Format("Monday 2 January 15:04"))
					return nil
				}
				o := node.DigestOptions{SinceMillis: from, Pages: url}
				if event != "" {
					if o.Event, err = resolveEvent(ctx, b, event); err != nil {
						return err
					}
				}
				d, err := node.MakeDigest(ctx, b, state, o, now)
				if err != nil {
					return err
				}
				if d.Empty() && (send || weekly) {
					a.printf("Nothing is new, so nothing was sent.\n")
					return nil
				}
				text := d.Text(now)
				page, err := d.HTML(now)
				if err != nil {
					return err
				}
				switch {
				case send:
					if err := sendMail(ctx, box, d.Subject(), text, page); err != nil {
						return fmt.Errorf("the digest was not sent: %w; its contents still count as new, so you can try again", err)
					}
					a.printf("Sent to %s: %s\n", plain(box.To), plain(d.Subject()))
				case html:
					err = a.writeExport(out, []byte(page))
				default:
					err = a.writeExport(out, []byte(text))
				}
				if err != nil || !send && (out == "" || out == "-") {
					return err
				}
				if err := node.RememberDigest(ctx, b, state, d, now); err != nil {
					return fmt.Errorf("the digest was written, but this could not be recorded: %w; the next digest will repeat it", err)
				}
				return nil
			})
		},
	}
	f := c.Flags()
	f.StringVar(&since, "since", "", "include everything since this `day`, such as 2026-11-09, even if reported before")
	f.BoolVar(&weekly, "weekly", false, "at most once a week, and only if something is new")
	f.StringVarP(&out, "output", "o", "", "the `file` to write; standard output without it")
	f.BoolVar(&html, "html", false, "write a web page instead of text")
	f.BoolVar(&send, "send", false, "send the digest by mail")
	f.StringVar(&config, "mail", "", "the `file` with the mail settings (default: mail.yaml in the data directory)")
	f.StringVar(&url, "url", "", "the web `address` that links lead to, such as http://127.0.0.1:7117")
	return eventFlag(c, &event)
}

// mailConfig is the content of mail.yaml.
type mailConfig struct {
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`
	Security string `yaml:"security"`
	Username string `yaml:"username"`
	Password string `yaml:"password"`
	From     string `yaml:"from"`
	To       string `yaml:"to"`
}

// envMailPassword is the environment variable with the mail server's password, for people who
// do not want it in a file.
const envMailPassword = "FLYLEAF_SMTP_PASSWORD"

const maxMailConfig = 64 << 10

func readMailConfig(file string) (mailConfig, error) {
	var m mailConfig
	b, err := readBounded(file, maxMailConfig)
	if errors.Is(err, os.ErrNotExist) {
		return m, codedf(exitRefused, "there is no file %s with mail settings; nothing was sent. `flyleaf digest --help` shows an example", file)
	}
	if err != nil {
		return m, coded(exitRefused, err)
	}
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	dec.KnownFields(true)
	if err := dec.Decode(&m); err != nil {
		return m, codedf(exitRefused, "%s: %v; nothing was sent", file, err)
	}
	if p := os.Getenv(envMailPassword); p != "" {
		m.Password = p
	}
	for _, field := range []struct{ name, value string }{{"host", m.Host}, {"from", m.From}, {"to", m.To}} {
		if field.value == "" {
			return m, codedf(exitRefused, "%s lacks the setting %s; nothing was sent", file, field.name)
		}
	}
	if m.Security == "" {
		m.Security = "starttls"
	}
	if !slices.Contains([]string{"starttls", "tls", "none"}, m.Security) {
		return m, codedf(exitRefused, "%s: security must be starttls, tls or none, not %q; nothing was sent", file, m.Security)
	}
	if m.Security == "none" && m.Username != "" {
		return m, codedf(exitRefused, "%s: with security none the password would be sent unencrypted; nothing was sent. Use starttls or tls", file)
	}
	return m, nil
}

// mailTimeout bounds a connection to a mail server.
const mailTimeout = 30 * time.Second

func sendMail(ctx context.Context, m mailConfig, subject, text, page string) error {
	msg := mail.NewMsg()
	if err := msg.From(m.From); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	if err := msg.To(m.To); err != nil {
		return fmt.Errorf("to: %w", err)
	}
	msg.Subject(subject)
	msg.SetDate()
	msg.SetMessageID()
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, text)
	msg.AddAlternativeString(mail.TypeTextHTML, page)
	opts := []mail.Option{mail.WithTimeout(mailTimeout)}
	port := 0
	switch m.Security {
	case "tls":
		opts, port = append(opts, mail.WithSSL()), mail.DefaultPortSSL
	case "none":
		opts, port = append(opts, mail.WithTLSPolicy(mail.NoTLS)), mail.DefaultPort
	default:
		opts, port = append(opts, mail.WithTLSPolicy(mail.TLSMandatory)), mail.DefaultPortTLS
	}
	opts = append(opts, mail.WithPort(cmp.Or(m.Port, port)))
	if m.Username != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.Username), mail.WithPassword(m.Password))
	}
	client, err := mail.NewClient(m.Host, opts...)
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, msg)
}
