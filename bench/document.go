package main

import (
	"fmt"
	"strings"
)

// documentText is docs/benchmarks.md.
func documentText(m machine, rows []row) string {
	var out strings.Builder
	out.WriteString(documentHead)
	for _, fact := range m.facts {
		fmt.Fprintf(&out, "| %s | %s |\n", fact[0], fact[1])
	}
	out.WriteString("\n## Results\n\n" + tableMarkdown(rows) + documentTail)
	return out.String()
}

const documentHead = `# Benchmarks

Written by ` + "`make bench`" + `, all figures in one run. Courier, gateway, load and
database share the machine, so each figure is what they leave to the courier: compare parts, not rates, between machines.

## Machine

| | |
|---|---|
`

const documentTail = `
## How it is measured

- **Processes.** The gateway, the bare client and each courier are processes of
  their own, on loopback addresses. The gateway is a net/http server that reads
  the request and answers 201 with a short JSON body, as a provider does. It
  counts messages and says when the wanted number has arrived, so the end of
  every measurement is seen there. A message that comes twice counts once.
- **The bare client** is the limit: a net/http client that posts the very request
  that the courier sends, over the same wire, from as many callers as the courier
  has attempts in flight, and keeps nothing. It runs before and after each
  measurement of throughput. *Part* is the rate as a part of the mean of these two
  runs. *CPU ×* is the courier's processor time for a message as a multiple of
  theirs, which is steadier than rates on a busy machine.
- **Wires.** All measurements but those that say so are over https: TLS 1.3, HTTP/1.1.
- **The courier** runs with its defaults, the log included, but for the time-out of
  an attempt and, where a row says so, the limit of attempts in flight. PostgreSQL is a server of its
  own for the run, with the settings above and otherwise its defaults.
- **Drain.** The messages are queued through the API while the gateway answers
  nothing, until all attempts that may be in flight are. Then it answers, and the
  clock runs from that moment until the last message, not counting those that were
  in flight, has arrived.
- **preset: twilio** is a drain through the ready-made gateway: a form, basic
  authentication, an address for receipts, and an answer with Twilio's fields.
- **API.** The clock runs from the first request until the last message is at the
  gateway: each is accepted, stored, sent and settled while others come in.
- **A gateway that takes its time**: a drain. *Part* is the rate as a part of
  attempts in flight / latency, the most there can be.
- **Idle.** One message at a time with a pause before each. The 202 is timed when
  its caller has read it. CPU is that of a courier with nothing to do.
- **Waiting.** The first of a queue of the given length are timed, as many as of
  the shorter ones together. With the longest queue the courier is killed and
  started again; the start takes from the start of the process until
  /health/ready answers 200.
- **Several couriers** share one database; each has the given limit in flight. All
  are on the one machine, so more of them show what sharing costs, not what more
  machines bring.
- **Retention at work**: the content is taken out and the rows are deleted seconds
  after the message was sent, while the load goes on. Rows and sizes are those of
  the table of messages afterwards, as PostgreSQL's statistics tell them.
- **µs** are processor time, user and system, for one message: of the courier with
  its template processes, of the database server, of the gateway, and of the load
  (in the row of the bare client, *courier* is the client itself).
- **RSS** is the most memory of the courier with its template processes (VmHWM).
`
