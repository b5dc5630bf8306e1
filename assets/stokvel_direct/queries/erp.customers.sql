SELECT account, first_name, last_name, email, status FROM debtor ORDER BY account
