-- Until somebody answers: where each alarm and incident stands in its plan, what is held back for a digest, and the
-- trace of who was told what, and when.

create table escalation (
    id          bigint generated always as identity primary key,
    alarm_id    bigint unique references alarm,
    incident_id bigint unique references incident,
    plan        text not null,                -- a row of catalogue/data/escalation.yaml
    step        smallint not null default 0,  -- the last one that was told
    round       smallint not null default 0,  -- how often it was begun anew
    began_at    timestamptz not null,         -- of this round
    told_at     timestamptz not null,         -- when that step was told
    next_at     timestamptz,                  -- when it is looked at again; null: it is over
    reason      text not null,                -- named reason of the last look
    help_met_at timestamptz,                  -- the newest call for help that was acted upon
    check ((alarm_id is null) <> (incident_id is null))
);
create index escalation_due on escalation (next_at) where next_at is not null;

-- What a person does is looked at at once, not when the next step is due.
create function stir_escalation() returns trigger language plpgsql as $$
declare
    -- an alarm is closed, an incident ended
    over timestamptz := coalesce(to_jsonb(new) ->> 'closed_at', to_jsonb(new) ->> 'ended_at')::timestamptz;
    stirred timestamptz := greatest(new.acknowledged_at, new.help_asked_at, over);
begin
    update escalation set next_at = stirred
    where case tg_table_name when 'alarm' then alarm_id else incident_id end = new.id and next_at > stirred;
    perform pg_notify('nuanshao_escalation', '');
    return null;
end $$;
create trigger escalation_stirred after update of acknowledged_at, closed_at, help_asked_at on alarm
    for each row when ((new.acknowledged_at, new.closed_at, new.help_asked_at)
                       is distinct from (old.acknowledged_at, old.closed_at, old.help_asked_at)
                       and num_nonnulls(new.acknowledged_at, new.closed_at, new.help_asked_at) > 0)
    execute function stir_escalation();
create trigger escalation_stirred after update of acknowledged_at, ended_at, help_asked_at on incident
    for each row when ((new.acknowledged_at, new.ended_at, new.help_asked_at)
                       is distinct from (old.acknowledged_at, old.ended_at, old.help_asked_at)
                       and num_nonnulls(new.acknowledged_at, new.ended_at, new.help_asked_at) > 0)
    execute function stir_escalation();

alter table notification
    add column held_for  text,                              -- named reason why it waits for a digest; null: it does not
    add column digest_id bigint references notification;    -- the digest that it was told in
alter table incident drop constraint incident_kind_check, add constraint incident_kind_check
    check (kind in ('village_silent', 'gateway_silent', 'area_silent', 'model_fault', 'clock_wrong', 'escalation_late'));
drop index notification_due;
-- in the order in which couriers take them: none of them sorts all that waits
create index notification_waiting on notification (drill, template, id)
    where state in ('pending', 'sending') and held_for is null;
create index notification_receipt on notification (next_attempt_at) where state = 'accepted';
create index notification_held on notification (next_attempt_at) where held_for is not null;
-- how much of its budget a recipient has had
create index notification_budget on notification (contact_id, way, template, accepted_at);
create index notification_under_way on notification (contact_id) where ended_at is null and accepted_at is null;

-- The trace of duty: rows are only ever added, by the tables themselves, so that no code can forget to.
create table duty_trace (
    id              bigint generated always as identity primary key,
    at              timestamptz not null,
    alarm_id        bigint,
    incident_id     bigint,
    notification_id bigint,
    contact_id      integer,
    what            text not null,       -- named: raised, written, accepted, delivered, acknowledged, escalated, …
    detail          text not null default ''
);
create index duty_trace_alarm on duty_trace (alarm_id, id) where alarm_id is not null;
create index duty_trace_incident on duty_trace (incident_id, id) where incident_id is not null;

create function refuse_rewriting() returns trigger language plpgsql as $$
begin
    raise exception 'the trace of duty is only ever added to' using errcode = 'restrict_violation';
end $$;
create trigger duty_trace_stands before update or delete or truncate on duty_trace
    for each statement execute function refuse_rewriting();

create function trace_alarm() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.raised_at is not null then
            insert into duty_trace (at, alarm_id, what, detail)
            values (coalesce(new.recorded_at, new.raised_at), new.id, 'raised', new.rule);
        end if;
        return null;
    end if;
    if new.raised_at is not null and new.raised_at is distinct from old.raised_at then
        insert into duty_trace (at, alarm_id, what, detail)
        values (greatest(new.recorded_at, new.raised_at), new.id,
                case when old.raised_at is null then 'raised' else 'raised_again' end, new.rule);
    end if;
    if new.acknowledged_at is not null and old.acknowledged_at is null then
        insert into duty_trace (at, alarm_id, what, detail)
        values (new.acknowledged_at, new.id, 'acknowledged', concat_ws(', ', new.acknowledged_by, new.acknowledged_how));
    end if;
    if new.help_asked_at is distinct from old.help_asked_at and new.help_asked_at is not null then
        insert into duty_trace (at, alarm_id, what, detail)
        values (new.help_asked_at, new.id, 'help_asked', coalesce(new.help_asked_by, ''));
    end if;
    if new.suppression <> old.suppression then
        insert into duty_trace (at, alarm_id, what, detail)
        values (greatest(new.last_ts, new.recorded_at), new.id,
                case new.suppression when 'none' then 'suppression_over' else 'suppressed' end,
                case new.suppression when 'none' then '' else concat_ws(': ', new.suppression, new.suppression_reason) end);
    end if;
    if new.cleared_at is not null and new.cleared_at is distinct from old.cleared_at then
        insert into duty_trace (at, alarm_id, what) values (new.cleared_at, new.id, 'cleared');
    end if;
    if new.closed_at is not null and old.closed_at is null then
        insert into duty_trace (at, alarm_id, what) values (new.closed_at, new.id, 'closed');
    end if;
    return null;
end $$;
create trigger alarm_traced after insert on alarm for each row execute function trace_alarm();
create trigger alarm_change_traced
    after update of raised_at, acknowledged_at, help_asked_at, suppression, cleared_at, closed_at on alarm
    for each row when ((new.raised_at, new.acknowledged_at, new.help_asked_at, new.suppression, new.cleared_at,
                        new.closed_at)
                       is distinct from
                       (old.raised_at, old.acknowledged_at, old.help_asked_at, old.suppression, old.cleared_at,
                        old.closed_at))
    execute function trace_alarm();

create function trace_notification() returns trigger language plpgsql as $$
begin
    insert into duty_trace (at, alarm_id, incident_id, notification_id, contact_id, what, detail)
    select case when tg_op = 'INSERT' then new.created_at
                when new.ended_at is not null then new.ended_at
                when new.state = 'accepted' then new.accepted_at
                else greatest(new.created_at, new.next_attempt_at) end,
           new.alarm_id, new.incident_id, new.id, new.contact_id,
           case when tg_op = 'INSERT' then 'written' when new.held_for is not null then 'held' else new.state end,
           concat_ws(': ', new.way, nullif(coalesce(new.held_for, new.reason), ''));
    return null;
end $$;
create trigger notification_written after insert on notification for each row execute function trace_notification();
-- not each attempt: what it has come to
create trigger notification_change_traced after update of state, held_for on notification
    for each row when (new.held_for is distinct from old.held_for and new.held_for is not null
                       or new.state <> old.state
                          and new.state in ('accepted', 'delivered', 'handed_over', 'failed', 'superseded'))
    execute function trace_notification();

create function trace_escalation() returns trigger language plpgsql as $$
begin
    insert into duty_trace (at, alarm_id, incident_id, what, detail)
    values (new.told_at, new.alarm_id, new.incident_id,
            case when new.round > old.round then 'opened_again' else 'escalated' end,
            concat_ws(': ', 'step ' || new.step, new.reason));
    return null;
end $$;
create trigger escalation_traced after update of step, round, told_at on escalation
    for each row when ((new.step, new.round, new.told_at) is distinct from (old.step, old.round, old.told_at))
    execute function trace_escalation();

create function trace_answer() returns trigger language plpgsql as $$
begin
    if new.alarm_id is not null or new.incident_id is not null then
        insert into duty_trace (at, alarm_id, incident_id, notification_id, contact_id, what, detail)
        values (new.at, new.alarm_id, new.incident_id, new.notification_id, new.contact_id, 'answered',
                concat_ws(', ', new.verb, new.how, new.who, new.outcome));
    end if;
    return null;
end $$;
create trigger answer_traced after insert on answer for each row execute function trace_answer();
