-- Telephone numbers are kept sealed (foundation/sealing.py): `phone` holds what only our key opens, and `phone_mark` what
-- is equal for equal numbers. `nuanshao migrate` seals the numbers that are here already once this file is applied.

alter table contact
    add column phone_mark text,
    drop constraint contact_region_id_phone_key,
    add constraint contact_region_id_phone_mark_key unique (region_id, phone_mark);
create index contact_phone_mark on contact (phone_mark);
