package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"courier/internal/gateway/gatewaytest"
	"courier/internal/gateway/preset"
	"courier/internal/inbox"
)

// emulationFlags choose the provider that the inbox stands for.
type emulationFlags struct {
	name, presetsDir, receiptURL string
	receiptDelay                 time.Duration
	numbers                      bool
}

func (f *emulationFlags) register(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.name, "as", "", "`PRESET` whose provider to be, such as twilio")
	set.StringVar(&f.presetsDir, "presets-dir", "", "`FOLDER` with presets of your own")
	set.StringVar(&f.receiptURL, "receipt-url", "", "`URL` for receipts where requests name none: see courier gateways show")
	set.DurationVar(&f.receiptDelay, "receipt-delay", time.Second, "how long after a message its receipt is sent")
	set.BoolVar(&f.numbers, "numbers", false, "print the recipients that get an error or a receipt of their own, and end")
	registerCompletion(cmd, "as", completePresets)
}

func completePresets(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	set, err := preset.Load("")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return set.Names(), cobra.ShellCompDirectiveNoFileComp
}

// options describe the provider.
func (f *emulationFlags) options() (gatewaytest.EmulatorOptions, error) {
	chosen, err := loadPreset(f.presetsDir, f.name)
	if err != nil {
		return gatewaytest.EmulatorOptions{}, err
	}
	if chosen.Emulator == "" {
		return gatewaytest.EmulatorOptions{}, usageText(fmt.Sprintf("the preset %s has no emulator.yaml, so its provider cannot be emulated", f.name))
	}
	return gatewaytest.EmulatorOptions{
		Source: chosen.Emulator, ReceiptURL: f.receiptURL,
		AnswerCodes: chosen.Errors.AnswerMeanings(), ReceiptCodes: chosen.Errors.ReceiptMeanings(),
	}, nil
}

// loadPreset returns a preset of ours or of the folder; an error is wrong usage.
func loadPreset(dir, name string) (*preset.Preset, error) {
	set, err := preset.Load(dir)
	if err != nil {
		return nil, &usageError{err}
	}
	chosen, err := set.Get(name)
	if err != nil {
		return nil, &usageError{err}
	}
	return chosen, nil
}

// printNumbers prints which recipients get which answers and receipts.
func (f *emulationFlags) printNumbers(out io.Writer, format format) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	emulator, err := gatewaytest.NewEmulator(options)
	if err != nil {
		return err
	}
	answers, reports := emulator.AnswerNumbers(), emulator.ReportNumbers()
	if format == formatJSON {
		return printJSON(out, map[string]map[string]string{"answers": answers, "receipts": reports})
	}
	var rows []entry
	add := func(numbers map[string]string, what string, means map[string]string) {
		for _, to := range slices.Sorted(maps.Keys(numbers)) {
			name := numbers[to]
			row := entry{cells: []string{to, what, name}}
			if text := means[name]; text != "" {
				row.notes = []string{text}
			}
			rows = append(rows, row)
		}
	}
	add(answers, "answer", options.AnswerCodes)
	add(reports, "receipt", options.ReceiptCodes)
	return printTable(out, []string{"TO", "GETS", "NAME"}, rows)
}

// printReceipt says what became of a receipt.
func (p *catchPrinter) printReceipt(r inbox.Receipt) {
	if p.format == formatJSON {
		return // its lines are messages
	}
	text := strconv.Itoa(r.Status)
	if r.Fault != "" {
		text = "not sent: " + r.Fault
	}
	p.line(printable(fmt.Sprintf("%s  %s  receipt %s: %s", time.Now().Local().Format("15:04:05.000"), r.To, r.Name, text)))
}
