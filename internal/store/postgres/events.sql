-- What leaves the events, while somebody listens to messages that come into one of
-- {statuses}. Who writes messages needs no right to the other tables.
CREATE OR REPLACE FUNCTION courier.leave_event() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    INSERT INTO courier.event (listener, message_id, from_status, to_status, changed_at)
    SELECT l.name, NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status ELSE '' END, NEW.status, NEW.updated_at
    FROM courier.listener AS l
    WHERE l.status = NEW.status;
    RETURN NULL;
END
$function$;
CREATE OR REPLACE TRIGGER message_inserted AFTER INSERT ON courier.message FOR EACH ROW
    WHEN (NEW.status IN ({statuses})) EXECUTE FUNCTION courier.leave_event();
CREATE OR REPLACE TRIGGER message_changed AFTER UPDATE ON courier.message FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND NEW.status IN ({statuses})) EXECUTE FUNCTION courier.leave_event();
