-- More ways to reach somebody than an SMS, in more languages than one.

alter table contact
    alter column phone drop not null,
    add column language    text not null default 'zh-CN',
    add column wecom_id    text,                        -- user id in the village's WeCom (企业微信)
    add column wechat_id   text,                        -- openid at the Official Account (公众号)
    add column email       text,
    add column endpoint    text                         -- `wecom_robot:<name>` or `webhook:<name>`; its secret is a setting
                           check (endpoint ~ '^(wecom_robot|webhook):.'),
    add constraint contact_can_be_reached
        check (num_nonnulls(phone, wecom_id, wechat_id, email, endpoint) > 0);

-- The ways that the alerts process has an account for; whoever writes a message chooses among these.
create table way (
    name text primary key,
    open boolean not null
);
insert into way values ('sms', true), ('voice', false), ('wecom', false), ('wecom_robot', false), ('wechat', false),
                       ('email', false), ('webhook', false);

-- The open ways in which a contact can be reached.
create function ways_of(c contact) returns text[] language sql stable as $$
    select coalesce(array_agg(w.name order by w.name), '{}') from way w
    where w.open and case w.name
        when 'wecom' then c.wecom_id is not null
        when 'wechat' then c.wechat_id is not null
        when 'email' then c.email is not null
        when 'wecom_robot' then c.endpoint like 'wecom_robot:%'
        when 'webhook' then c.endpoint like 'webhook:%'
        else c.phone is not null
    end
$$;

alter table notification
    add column way      text not null default 'sms' references way,
    add column language text not null default 'zh-CN',
    add column step     smallint not null default 0,    -- of the escalation; 0: those who are told at once
    add column round    smallint not null default 0,    -- how often its alarm had been opened again
    alter column channel drop not null,                 -- which carrier has it, or had it last
    drop constraint notification_state_check,
    add constraint notification_state_check
        check (state in ('pending', 'sending', 'accepted', 'delivered', 'handed_over', 'failed', 'superseded')),
    drop constraint notification_kind_check,
    add constraint notification_kind_check
        check (kind in ('raised', 'escalation', 'cleared', 'incident', 'recovery', 'flapping', 'digest')),
    drop constraint notification_check,
    add constraint notification_has_a_cause check (kind = 'digest' or (alarm_id is null) <> (incident_id is null));
