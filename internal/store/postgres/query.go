package postgres

import (
	_ "embed"
	"strconv"
	"strings"
)

//go:embed queries.sql
var queriesFile string

// query is the name of a statement in queries.sql.
type query string

const (
	queryInsertMessage    query = "InsertMessage"
	queryInsertKeyed      query = "InsertKeyed"
	queryStoredIDs        query = "StoredIDs"
	queryClaimMessages    query = "ClaimMessages"
	queryReturnLeases     query = "ReturnLeases"
	querySettleSent       query = "SettleSent"
	querySettleMessage    query = "SettleMessage"
	querySettledBefore    query = "SettledBefore"
	queryReclaimMessages  query = "ReclaimMessages"
	queryExpireMessages   query = "ExpireMessages"
	queryScrubMessages    query = "ScrubMessages"
	queryPurgeMessages    query = "PurgeMessages"
	queryPurgeScrubbed    query = "PurgeScrubbed"
	queryRerouteMessages  query = "RerouteMessages"
	queryLockMessage      query = "LockMessage"
	queryAddTally         query = "AddTally"
	queryCancelMessage    query = "CancelMessage"
	queryKeepAccepted     query = "KeepAccepted"
	queryRequeueMessage   query = "RequeueMessage"
	queryWriteProbe       query = "WriteProbe"
	queryMessage          query = "Message"
	queryMessageByKey     query = "MessageByKey"
	queryNextDue          query = "NextDue"
	queryWaitingGateways  query = "WaitingGateways"
	queryReadTally        query = "ReadTally"
	queryFoldTally        query = "FoldTally"
	queryListAll          query = "ListAll"
	queryFloorAll         query = "FloorAll"
	queryListByRecipient  query = "ListByRecipient"
	queryFloorByRecipient query = "FloorByRecipient"
	queryListRare         query = "ListRare"
	queryFloorRare        query = "FloorRare"
	queryListQueued       query = "ListQueued"
	queryListProcessing   query = "ListProcessing"
	queryClock            query = "Clock"
	queryBeat             query = "Beat"
	queryLeave            query = "Leave"
	queryNodes            query = "Nodes"
	queryForgetNodes      query = "ForgetNodes"
	queryReserve          query = "Reserve"
	queryNotify           query = "Notify"
)

// queries are the statements that the store prepares when it opens.
func queries() []query {
	return []query{
		queryInsertMessage, queryInsertKeyed, queryStoredIDs, queryClaimMessages, queryReturnLeases,
		querySettleSent, querySettleMessage, querySettledBefore, queryReclaimMessages, queryExpireMessages,
		queryScrubMessages, queryPurgeMessages, queryPurgeScrubbed, queryRerouteMessages, queryLockMessage,
		queryAddTally, queryCancelMessage, queryKeepAccepted, queryRequeueMessage, queryWriteProbe, queryMessage,
		queryMessageByKey, queryNextDue, queryWaitingGateways, queryReadTally, queryFoldTally, queryListAll,
		queryFloorAll, queryListByRecipient, queryFloorByRecipient, queryListRare, queryFloorRare, queryListQueued,
		queryListProcessing, queryClock, queryBeat, queryLeave, queryNodes, queryForgetNodes, queryReserve,
		queryNotify,
	}
}

// claimSizes are the numbers that stand for {most} in ClaimMessages: the smallest
// that is not below what is asked for is used.
func claimSizes() []int { return []int{16, 128, 1024, 1 << 20} }

// claimQuery returns the name of ClaimMessages with a size.
func claimQuery(limit int) query {
	for _, size := range claimSizes() {
		if limit <= size {
			return claimOf(size)
		}
	}
	return claimOf(claimSizes()[len(claimSizes())-1])
}

func claimOf(size int) query { return queryClaimMessages + query(strconv.Itoa(size)) }

// parseQueries reads the blocks of queries.sql by name.
func parseQueries(file string) map[query]string {
	texts, columns := map[query]string{}, map[string]string{}
	for block := range strings.SplitSeq("\n"+file, "\n-- ") {
		head, body, _ := strings.Cut(block, "\n")
		kind, name, _ := strings.Cut(head, ": ")
		switch kind {
		case "name":
			texts[query(name)] = strings.TrimSpace(body)
		case "columns":
			columns["{"+name+"}"] = strings.TrimSpace(body)
		}
	}
	for name, text := range texts {
		for column, body := range columns {
			text = strings.ReplaceAll(text, column, body)
		}
		texts[name] = text
	}
	return texts
}

// statementTexts are the texts of all statements by name, one of ClaimMessages
// for each size.
func statementTexts() map[query]string {
	texts := parseQueries(queriesFile)
	for _, size := range claimSizes() {
		texts[claimOf(size)] = strings.ReplaceAll(texts[queryClaimMessages], "{most}", strconv.Itoa(size))
	}
	delete(texts, queryClaimMessages)
	return texts
}
