-- 0016: after how many days notices of units and reminders of mail go out, as settings by the notice's code: calendar or working days as the rule says
-- (register_step, mail_step). The tables themselves are made anew by functions/mail_register.sql and mail_remind.sql, without the days.
set role liangjin_owner;
set search_path = liangjin, pg_catalog;

alter table rule_setting drop constraint rule_setting_rule_check;
alter table rule_setting add constraint rule_setting_rule_check check (rule ~ '^([VXN][0-9]{2}|DUP|HILO|REVIEW|REGISTER)$');
insert into rule_setting (rule, name, value) values
    ('N01', 'days', '15'), ('N01', 'days', '30'), ('N01', 'days', '60'), ('N51', 'days', '60'), ('N52', 'days', '5'), ('N19', 'days', '3'),
    ('N31', 'days_before', '3'), ('N32', 'days', '0'), ('N33', 'days', '1'), ('N34', 'days', '5'), ('N35', 'days', '10');
drop table if exists register_step;
alter table if exists mail_step drop column if exists days;
