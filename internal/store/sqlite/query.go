package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"strings"
)

//go:embed queries.sql
var queriesFile string

// query is the name of a statement in queries.sql.
type query string

const (
	queryBegin            query = "Begin"
	queryCommit           query = "Commit"
	queryRollback         query = "Rollback"
	queryInsertMessage    query = "InsertMessage"
	queryDueMessages      query = "DueMessages"
	queryLeaseMessages    query = "LeaseMessages"
	querySettleSent       query = "SettleSent"
	querySettleMessage    query = "SettleMessage"
	queryInsertAttempt    query = "InsertAttempt"
	queryOrphanLeases     query = "OrphanLeases"
	queryReclaimAttempts  query = "ReclaimAttempts"
	queryReclaimMessages  query = "ReclaimMessages"
	queryExpireMessages   query = "ExpireMessages"
	queryRerouteMessages  query = "RerouteMessages"
	queryScrubMessages    query = "ScrubMessages"
	queryPurgeMessages    query = "PurgeMessages"
	queryPurgeScrubbed    query = "PurgeScrubbed"
	queryCancelMessage    query = "CancelMessage"
	queryKeepAccepted     query = "KeepAccepted"
	queryRequeueMessage   query = "RequeueMessage"
	queryWriteProbe       query = "WriteProbe"
	queryMessage          query = "Message"
	queryMessageByKey     query = "MessageByKey"
	queryAttempts         query = "Attempts"
	queryAttempt          query = "Attempt"
	queryNextDue          query = "NextDue"
	queryWaitingGateways  query = "WaitingGateways"
	queryCountQueued      query = "CountQueued"
	queryCountProcessing  query = "CountProcessing"
	queryCountUnknown     query = "CountUnknown"
	queryListAll          query = "ListAll"
	queryFloorAll         query = "FloorAll"
	queryListByRecipient  query = "ListByRecipient"
	queryFloorByRecipient query = "FloorByRecipient"
	queryListRare         query = "ListRare"
	queryFloorRare        query = "FloorRare"
	queryListQueued       query = "ListQueued"
	queryListProcessing   query = "ListProcessing"
)

// writerQueries are the statements that the connection of the writer prepares.
func writerQueries() []query {
	return []query{
		queryBegin, queryCommit, queryRollback, queryInsertMessage, queryDueMessages, queryLeaseMessages, querySettleSent,
		querySettleMessage, queryInsertAttempt, queryOrphanLeases, queryReclaimAttempts, queryReclaimMessages, queryExpireMessages,
		queryRerouteMessages, queryCancelMessage, queryKeepAccepted, queryRequeueMessage, queryWriteProbe,
		queryScrubMessages, queryPurgeMessages, queryPurgeScrubbed,
		queryMessage, queryMessageByKey, queryAttempt, queryCountQueued, queryCountProcessing, queryCountUnknown,
	}
}

// readerQueries are the statements that the connections of the readers prepare.
func readerQueries() []query {
	return []query{
		queryMessage, queryAttempts, queryAttempt, queryNextDue, queryWaitingGateways,
		queryListAll, queryFloorAll, queryListByRecipient, queryFloorByRecipient,
		queryListRare, queryFloorRare, queryListQueued, queryListProcessing,
	}
}

// parseQueries reads the blocks of queries.sql by name.
func parseQueries(file string) map[query]string {
	texts, columns := map[query]string{}, []string{}
	for block := range strings.SplitSeq("\n"+file, "\n-- ") {
		head, body, _ := strings.Cut(block, "\n")
		kind, name, _ := strings.Cut(head, ": ")
		switch kind {
		case "name":
			texts[query(name)] = strings.TrimSpace(body)
		case "columns":
			columns = append(columns, "{"+name+"}", strings.TrimSpace(body))
		}
	}
	replacer := strings.NewReplacer(columns...)
	for name, text := range texts {
		texts[name] = replacer.Replace(text)
	}
	return texts
}

// preparer is a database or one of its connections.
type preparer interface {
	PrepareContext(ctx context.Context, text string) (*sql.Stmt, error)
}

// statements are prepared statements by name.
type statements map[query]*sql.Stmt

// prepare prepares the named statements, all or none.
func prepare(ctx context.Context, on preparer, names []query) (statements, error) {
	texts, prepared := parseQueries(queriesFile), statements{}
	for _, name := range names {
		statement, err := on.PrepareContext(ctx, texts[name]) //nolint:sqlclosecheck // statements.close does it
		if err != nil {
			prepared.close()
			return nil, fmt.Errorf("prepare statement %s: %w", name, err)
		}
		prepared[name] = statement
	}
	return prepared, nil
}

func (s statements) close() {
	for _, statement := range s {
		// What a statement holds goes with its connection in any case.
		_ = statement.Close()
	}
}
