SELECT
    i.style,
    i.stock_id,
    i.code,
    i.description,
    i.long_text,
    i.category,
    i.barcode,
    i.price_incl,
    i.mass_kg,
    i.web_status
FROM item AS i
ORDER BY i.stock_id
