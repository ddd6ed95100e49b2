package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// devPlace is the folder in which dev keeps its files.
type devPlace string

// devFolder makes the folder and takes it for this process, so that a second dev does not
// change the files of the first. It returns what gives it back, and removes it when it is
// temporary.
func devFolder(dir string) (folder devPlace, leave func() error, err error) {
	remove := func() error { return nil }
	if dir == "" {
		if dir, err = os.MkdirTemp("", "courier-dev-"); err != nil {
			return "", nil, fmt.Errorf("make temporary folder: %w; name one with --dir", err)
		}
		remove = func() error { return os.RemoveAll(dir) }
	}
	absolute, err := filepath.Abs(dir)
	if strings.ContainsAny(absolute, "?#") {
		return "", nil, usageText("make folder: the address of a database cannot hold ? or #; name another --dir")
	}
	if err == nil {
		err = os.MkdirAll(absolute, 0o700)
	}
	if err != nil {
		return "", nil, fmt.Errorf("make folder: %w; name another --dir", err)
	}
	lock, err := os.OpenFile(filepath.Join(absolute, "courier-dev.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("make lock file: %w; name another --dir", err)
	}
	if err := lockFile(lock); err != nil {
		return "", nil, errors.Join(fmt.Errorf("folder %s is used by another courier dev: stop that one, or name another --dir: %w", absolute, err), lock.Close())
	}
	return devPlace(absolute), func() error { return errors.Join(lock.Close(), remove()) }, nil
}

func (p devPlace) file(name string) string { return filepath.Join(string(p), name) }

func (p devPlace) configFile() string { return p.file("courier-dev.yml") }

// devTemplate is the form of Twilio's Messages resource.
// Source: https://www.twilio.com/docs/messaging/api/message-resource
const devTemplate = `function(ctx) {
  To: ctx.to,
  From: ctx.from,
  Body: ctx.body,
}
`

// devConfig is a courier that sends to Twilio's address on the inbox.
const devConfig = `# Written by courier dev at each start. Copy it to begin a configuration of
# your own: with https://api.twilio.com instead of the inbox, and your own
# account, it sends text messages.
courier:
  sms:
    enabled: true
    from: "+12065550110"
    request_config:
      url: ${GATEWAY}/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json
      method: POST
      body: ${TEMPLATE}
      headers:
        Content-Type: application/x-www-form-urlencoded
      auth:
        type: basic_auth
        config:
          user: AC00000000000000000000000000000000
          password: no-real-token
store:
  dsn: ${DSN}
api:
  port: ${PORT}
public:
  port: ${PUBLIC_PORT}
log:
  level: warning
`

// write writes the configuration and the template.
func (p devPlace) write(gateway string, port, publicPort int) error {
	template := p.file("twilio.jsonnet")
	text := strings.NewReplacer(
		"${GATEWAY}", gateway,
		"${TEMPLATE}", strconv.Quote("file://"+filepath.ToSlash(template)),
		"${DSN}", strconv.Quote("sqlite://"+filepath.ToSlash(p.file("courier.db"))),
		"${PORT}", strconv.Itoa(port),
		"${PUBLIC_PORT}", strconv.Itoa(publicPort),
	).Replace(devConfig)
	for path, content := range map[string]string{template: devTemplate, p.configFile(): text} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return fmt.Errorf("write configuration: %w; name another --dir", err)
		}
	}
	return nil
}
