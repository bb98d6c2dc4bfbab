-- What people answer: 1 = I have it, 2 = false alarm, 3 = need help; and the short codes that say which of several.

alter table alarm
    add column false_alarm_at timestamptz,      -- a person says that nothing was wrong; the alarm goes on as any other
    add column false_alarm_by text,
    add column help_asked_at  timestamptz,      -- a person cannot do it alone: the escalation climbs at once
    add column help_asked_by  text;

alter table incident
    add column acknowledged_at  timestamptz,
    add column acknowledged_by  text,
    add column acknowledged_how text,
    add column false_alarm_at   timestamptz,
    add column false_alarm_by   text,
    add column help_asked_at    timestamptz,
    add column help_asked_by    text;

-- Whoever has the same number is one reader, however many contacts that makes: this says what counts as the same.
create function number_of(c contact) returns text language sql immutable as $$
    select coalesce(c.phone_mark, 'contact ' || c.id)
$$;

-- Which alarm or incident a number means by a code; its newest meaning stays until the code is needed for another one.
create table short_code (
    number      text not null,                  -- as number_of says it
    code        smallint not null check (code between 10 and 99),
    alarm_id    bigint references alarm on delete cascade,
    incident_id bigint references incident on delete cascade,
    given_at    timestamptz not null,
    primary key (number, code),
    check ((alarm_id is null) <> (incident_id is null))
);
create unique index short_code_alarm on short_code (alarm_id, number) where alarm_id is not null;
create unique index short_code_incident on short_code (incident_id, number) where incident_id is not null;

alter table notification add column code smallint;

-- The same, with what they mean now: `open` while that can be answered, `freed_at` when it was over.
-- Looked up one by one, whatever the planner knows: a number has few codes, and the table of alarms is long.
create view short_code_now as
select s.*,
       coalesce((select a.closed_at is null and a.condition <> 'pending' from alarm a where a.id = s.alarm_id),
                (select i.ended_at is null from incident i where i.id = s.incident_id)) as open,
       coalesce((select a.closed_at from alarm a where a.id = s.alarm_id),
                (select i.ended_at from incident i where i.id = s.incident_id)) as freed_at
from short_code s;

-- The code of an alarm or incident for a contact's number, and whether nothing else is open there. Both null where there
-- is nothing to answer; no code where all are in use.
create function give_code(
    for_contact integer, for_alarm bigint, for_incident bigint, at timestamptz, out code smallint, out alone boolean
) language plpgsql as $$
declare
    mine text;
begin
    perform 1 from alarm where id = for_alarm and closed_at is null and condition <> 'pending'
    union all
    select 1 from incident where id = for_incident and ended_at is null;
    if not found then
        return;
    end if;
    select number_of(c) into mine from contact c where c.id = for_contact;
    select not exists (
        select 1 from short_code_now s
        where s.number = mine and s.open and (s.alarm_id, s.incident_id) is distinct from (for_alarm, for_incident)
    ) into alone;
    select s.code into code from short_code s
    where s.number = mine and (s.alarm_id = for_alarm or s.incident_id = for_incident);
    if found then
        return;
    end if;
    -- One that was never used. Each alarm begins at another place, so that two workers hardly ever wait for each other.
    -- Left out: 110, 112, 119, 120 and 122 are numbers that people know by heart, and write in an emergency.
    for attempt in 1..2 loop
        insert into short_code as s (number, code, alarm_id, incident_id, given_at)
        select mine, g, for_alarm, for_incident, at
        from generate_series(10, 99) g
        where g not in (10, 12, 19, 20, 22)
          and g not in (select u.code from short_code u where u.number = mine)
        order by (g + 37 * coalesce(for_alarm, for_incident)) % 90
        limit 1
        on conflict do nothing
        returning s.code into code;
        if found then
            return;
        end if;
    end loop;
    -- or the one that was freed longest ago: who answers an old message must not mean a new alarm
    update short_code s set alarm_id = for_alarm, incident_id = for_incident, given_at = at
    where s.number = mine and s.code = (
        select f.code from short_code f join short_code_now n using (number, code)
        where f.number = mine and not n.open
        order by n.freed_at nulls first, f.given_at
        limit 1
        for update of f skip locked
    )
    returning s.code into code;
end $$;

-- Everything that people answered, whatever became of it. Only ever added to.
create table answer (
    id              bigint generated always as identity primary key,
    name            text not null unique,       -- makes a repeated callback recognisable
    alarm_id        bigint references alarm,
    incident_id     bigint references incident,
    notification_id bigint references notification,
    contact_id      integer references contact, -- null: somebody at the API, or a number that nobody has
    who             text not null,
    verb            text check (verb in ('have_it', 'false_alarm', 'need_help')), -- null: it was not understood
    how             text not null,              -- sms, page, voice, wecom, api, cli
    content         text not null default '',   -- what was typed
    at              timestamptz not null,       -- when they answered
    received_at     timestamptz not null,       -- when we heard of it
    outcome         text not null               -- named reason, as in alerts/answers/book.py
);
create index answer_alarm on answer (alarm_id) where alarm_id is not null;
create index answer_incident on answer (incident_id) where incident_id is not null;
create index answer_received on answer (received_at);

create function answer_is_kept() returns trigger language plpgsql as $$
begin
    raise exception 'answers are only ever added to';
end $$;
create trigger answer_is_kept before update or delete on answer for each row execute function answer_is_kept();

-- `reply` is no longer written; it stays until the next release, for processes that are not restarted yet.
insert into answer (name, alarm_id, contact_id, who, verb, how, content, at, received_at, outcome)
select r.name, r.alarm_id, r.contact_id, c.name,
       case when r.result in ('acknowledged', 'nothing_open') then 'have_it' end, 'sms', r.content, r.sent_at,
       r.received_at, r.result
from reply r join contact c on c.id = r.contact_id
order by r.received_at;

-- A number stands in one, what people typed in the other: nobody's business on a wall. Around what was there before.
alter function ensure_reader() rename to ensure_reader_before_answers;
create function ensure_reader() returns void language plpgsql as $$
begin
    perform ensure_reader_before_answers();
    if to_regrole('nuanshao_reader') is not null then
        revoke all on short_code, short_code_now, answer from nuanshao_reader;
    end if;
end $$;

select ensure_reader();
