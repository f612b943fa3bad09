-- 0014: numbers of the rules that stood in programs, as dated data: settings of validation, review and the registers. Changed like all settings by an event
-- of two persons (policy.rule_proposed and policy.approved); the rows here hold from the system's first position.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

alter table rule_setting drop constraint rule_setting_rule_check;
alter table rule_setting add constraint rule_setting_rule_check check (rule ~ '^([VX][0-9]{2}|DUP|HILO|REVIEW|REGISTER)$');

insert into rule_setting (rule, name, value) values
    ('V02', 'minutes', '720'), ('V02', 'ahead_minutes', '5'),
    ('V03', 'minutes', '20'), ('V03', 'brief_minutes', '30'), ('V03', 'long_minutes', '240'),
    ('V18', 'people', '20000'), ('V18', 'people_each', '300'),
    ('V29', 'days', '7'), ('V29', 'late_days', '30'),
    ('V34', 'km', '300'),
    ('V39', 'first_day', '20230501'),
    -- days: without a word from the athlete, from the host, of a returned report; the Centre's sample: all from a score on, a share of those from another
    -- on, a share of the rest (in ten-thousandths)
    ('REVIEW', 'athlete_days', '14'), ('REVIEW', 'host_days', '15'), ('REVIEW', 'lapse_days', '30'),
    ('REVIEW', 'sample_all', '80'), ('REVIEW', 'sample_some', '60'), ('REVIEW', 'share_some', '3000'), ('REVIEW', 'share_rest', '300'),
    ('REGISTER', 'levels', '3'), ('REGISTER', 'teams', '3'), ('REGISTER', 'administrators', '3'), ('REGISTER', 'exemption_days', '60');
grant select on rule_setting to liangjin_control;
